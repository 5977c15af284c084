"""Does the command line do what it says, and tell the shell how it went?"""

import io
import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from acme_client.backoff import after
from acme_client.commands import FAILED, WELL, WRONG_SETTINGS, Streams, is_failure, main
from acme_client.errors import AcmeError, ErrorKind
from acme_client.happening import Event, Happening, warnings_told
from acme_client.outcome import Failed, Rested
from acme_client.record import Record, failed
from acme_client.records import Records
from acme_client.renewal import Reason
from tests.acme.rig.calendar import TODAY
from tests.acme.rig.household import WANTED, Household

CA = "https://ca.test/directory"


def call(folder: Path, *arguments: str, **variables: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    streams = Streams(io.StringIO(), io.StringIO())
    environment = {"SERVER_DOMAIN": "example.com", "CERT_DIR": str(folder), **variables}
    code = main(arguments, environment, streams)
    return code, str(streams.stdout.getvalue()), str(streams.stderr.getvalue())  # type: ignore[attr-defined]


def test_wrong_settings_are_one_line_and_two(tmp_path: Path) -> None:
    code, _, told = call(tmp_path, "status", SSL_EMAIL="nobody")
    assert code == WRONG_SETTINGS
    assert told == "SSL_EMAIL holds 'nobody' but wants an e-mail address, or nothing\n"


@pytest.mark.parametrize("command", ["run", "once", "rehearse", "roll-key", "persist-record"])
def test_orders_want_a_provider(tmp_path: Path, command: str) -> None:
    code, _, told = call(tmp_path, command, SSL_EMAIL="me@example.com")
    assert code == WRONG_SETTINGS
    assert told.startswith("DNS_PROVIDER holds ''")
    assert list(tmp_path.iterdir()) == []


def test_a_provider_that_is_not_set_up_is_a_wrong_setting(tmp_path: Path) -> None:
    code, _, told = call(tmp_path, "once", SSL_EMAIL="me@example.com", DNS_PROVIDER="rfc2136")
    assert code == WRONG_SETTINGS
    assert "RFC2136_NAMESERVER" in told


@pytest.mark.parametrize("arguments", [(), ("begin",), ("revoke",), ("revoke", "a", "--reason", "boredom")])
def test_a_wrong_command_line_is_two(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        call(tmp_path, *arguments)
    assert caught.value.code == WRONG_SETTINGS


def test_status_of_nothing(tmp_path: Path) -> None:
    code, told, _ = call(tmp_path, "status")
    assert code == WELL
    assert told.startswith("example.com: missing\n")


def test_status_for_programs(tmp_path: Path) -> None:
    Household(tmp_path).lifecycle.tend(WANTED)
    code, told, _ = call(tmp_path, "status", "--json", SSL_DOMAINS="a.org")
    assert code == WELL
    names = [(each["name"], each["serial"] is None) for each in json.loads(told)["certificates"]]
    assert names == [("example.com", False), ("a.org", True)]


def test_status_of_a_folder_that_cannot_be_read_is_one(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    code, _, told = call(tmp_path, "status")
    assert code == FAILED
    assert "cannot be read" in told
    assert "Check CERT_DIR" in told


def test_tenants_want_an_api(tmp_path: Path) -> None:
    code, _, told = call(tmp_path, "status", ACME_TENANT_WILDCARDS="on", BACKEND_URL="file:routes.json")
    assert code == WRONG_SETTINGS
    assert told.startswith("BACKEND_URL holds 'file:routes.json' but wants an http(s) URL")


def test_failures_are_forgotten_on_request(tmp_path: Path) -> None:
    records = Records(tmp_path / "state")
    setback = after(AcmeError(ErrorKind.CAA, "no"), None, TODAY)
    records.save(replace(failed(Record("example.com"), CA, setback), cut_off=9))
    code, told, _ = call(tmp_path, "forget-failures")
    assert code == WELL
    assert told.startswith("example.com: will be tried at the next look")
    record = records.load("example.com")
    assert (record.setbacks, record.cut_off, record.failures) == ({}, 0, 1)


@pytest.mark.parametrize(
    ("outcome", "is_bad"),
    [
        (Rested(TODAY, Reason.LIFETIME), False),
        (Rested(TODAY, Reason.BACKOFF), True),
        (Failed(AcmeError(ErrorKind.CAA, "no"), TODAY), True),
    ],
    ids=["nothing to do", "due, and waits", "failed"],
)
def test_what_counts_as_failed(outcome: Failed | Rested, is_bad: bool) -> None:
    assert is_failure(outcome) is is_bad


def test_what_modules_log_is_told_in_the_same_lines() -> None:
    told: list[Happening] = []
    logger = logging.getLogger("acme_client.order")
    with warnings_told(told.append):
        logger.warning("%s has no profiles", "https://ca.test/")
        logger.info("looking elsewhere")
        logger.debug("too much")
    logger.info("afterwards")
    assert [(each.event, each.message) for each in told] == [
        (Event.WARNED, "https://ca.test/ has no profiles"),
        (Event.NOTED, "looking elsewhere"),
    ]


def test_nothing_is_revoked_that_could_not_be_noted(tmp_path: Path) -> None:
    """The lock is wanted first: the answer is about the name, before there is talk of a certificate or a CA."""
    settings = {"SSL_EMAIL": "a@example.com", "DNS_PROVIDER": "rfc2136", "RFC2136_NAMESERVER": "127.0.0.1:1"}
    code, _, told = call(tmp_path, "revoke", "../../other", **settings)
    assert code == FAILED
    assert "'../../other' is no certificate's name" in told


@pytest.mark.parametrize("variable", ["ACME_DIRECTORY_URLS", "BACKEND_URL"])
def test_a_password_in_a_url_is_refused_and_not_shown(tmp_path: Path, variable: str) -> None:
    code, _, told = call(tmp_path, "status", **{variable: "https://me:hidden@ca.test/dir"})
    assert code == WRONG_SETTINGS
    assert "without a user name or password" in told
    assert "hidden" not in told
