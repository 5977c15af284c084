"""Does the command line do what it says, and tell the shell how it went?"""

import io
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from acme_client.backoff import after
from acme_client.commands import is_failure, main
from acme_client.errors import AcmeError, ErrorKind
from acme_client.happening import Event, Happening, warnings_told
from acme_client.outcome import Failed, Rested
from acme_client.record import LastError, Record, failed
from acme_client.records import Records
from acme_client.renewal import Reason
from acme_client.shell import FAILED, WELL, WRONG_SETTINGS, Streams
from acme_client.wanted import Wanted
from tests.acme.rig.calendar import TODAY
from tests.acme.rig.household import WANTED, Household

CA = "https://ca.test/directory"
NOTHING_TO_FORGET = "example.com: has no failures to forget; nothing was changed.\n"
BY_KEY = ("revoke", "--by-certificate-key")
ORDERS = {"SSL_EMAIL": "a@example.com", "DNS_PROVIDER": "rfc2136", "RFC2136_NAMESERVER": "127.0.0.1:1"}


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


def test_status_of_nothing_is_one(tmp_path: Path) -> None:
    code, told, _ = call(tmp_path, "status")
    assert code == FAILED
    assert told.startswith("example.com: missing\n")


@pytest.mark.parametrize("further", [(), ("--json",)], ids=["table", "json"])
def test_status_tells_the_shell_whether_somebody_has_to_care(tmp_path: Path, further: tuple[str, ...]) -> None:
    home = Household(tmp_path, clock=lambda: datetime.now(UTC))
    home.authority.clock = home.lifecycle.clock
    home.lifecycle.tend(WANTED)
    assert call(tmp_path, "status", *further)[0] == WELL
    records, error = home.lifecycle.records, LastError("caa", "no", TODAY)
    records.save(replace(records.load("example.com"), last_error=error))
    assert call(tmp_path, "status", *further)[0] == FAILED


def test_status_for_programs(tmp_path: Path) -> None:
    Household(tmp_path).lifecycle.tend(WANTED)
    code, told, _ = call(tmp_path, "status", "--json", SSL_DOMAINS="a.org")
    assert code == FAILED
    names = [(each["name"], each["serial"] is None, each["is_well"]) for each in json.loads(told)["certificates"]]
    assert names == [("example.com", False, False), ("a.org", True, False)]  # both have ended or never begun by now


def test_status_of_a_folder_that_cannot_be_read_is_one(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")  # not CERT_DIR itself, which would be a wrong setting
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
    assert call(tmp_path, "forget-failures", "example.com")[1:] == (NOTHING_TO_FORGET, "")


def test_failures_of_the_named_alone_are_forgotten(tmp_path: Path) -> None:
    records, setback = Records(tmp_path / "state"), after(AcmeError(ErrorKind.CAA, "no"), None, TODAY)
    for name in ("example.com", "a.org"):
        records.save(failed(Record(name), CA, setback))
    assert call(tmp_path, "forget-failures", "a.org", SSL_DOMAINS="a.org")[0] == WELL
    assert [bool(records.load(name).setbacks) for name in ("example.com", "a.org")] == [True, False]


def test_a_healthy_certificate_has_nothing_to_forget_and_keeps_its_moment(tmp_path: Path) -> None:
    Household(tmp_path).lifecycle.tend(WANTED)
    before = Records(tmp_path / "state").load("example.com")
    assert call(tmp_path, "forget-failures") == (WELL, NOTHING_TO_FORGET, "")
    assert Records(tmp_path / "state").load("example.com") == before


def test_failures_of_a_certificate_that_nobody_wants(tmp_path: Path) -> None:
    code, _, told = call(tmp_path, "forget-failures", "exmaple.com")
    assert (code, told) == (FAILED, "No certificate exmaple.com is wanted; there are: example.com\n")


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
    code, _, told = call(tmp_path, "revoke", "../../other", **ORDERS)
    assert code == FAILED
    assert "'../../other' is no certificate's name" in told


def test_who_revokes_what_is_not_there_is_told_what_is(tmp_path: Path) -> None:
    assert call(tmp_path, "revoke", "a.org", **ORDERS)[::2] == (
        FAILED,
        "There is no live certificate a.org; there is none at all in CERT_DIR\n",
    )
    home = Household(tmp_path)
    home.lifecycle.tend(WANTED)
    home.lifecycle.tend(Wanted(("b.org",)))
    told = "There is no live certificate a.org; there are: b.org, example.com\n"
    assert call(tmp_path, "revoke", "a.org", **ORDERS)[::2] == (FAILED, told)


def test_who_revokes_by_an_account_needs_its_address_and_no_provider(tmp_path: Path) -> None:
    code, _, told = call(tmp_path, "revoke", "a.org")
    assert (code, told.startswith("SSL_EMAIL holds ''")) == (WRONG_SETTINGS, True)
    for arguments, variables in ((("revoke", "a.org"), {"SSL_EMAIL": "a@example.com"}), ((*BY_KEY, "a.org"), {})):
        code, _, told = call(tmp_path, *arguments, **variables)
        assert (code, told.startswith("There is no live certificate a.org; ")) == (FAILED, True)


PROVIDERS = {
    "misspelt": ({"DNS_PROVIDER": "rfc-2136"}, "DNS_PROVIDER holds 'rfc-2136'; did you mean rfc2136?"),
    "no server": ({"RFC2136_NAMESERVER": ""}, "RFC2136_NAMESERVER (or RFC2136_NAMESERVER_FILE) is not set"),
    "no program": ({"DNS_PROVIDER": "exec"}, "EXEC_PATH (or EXEC_PATH_FILE) is not set"),
    "no endpoint": ({"DNS_PROVIDER": "httpreq"}, "HTTPREQ_ENDPOINT (or HTTPREQ_ENDPOINT_FILE) is not set"),
    "no acme-dns": ({"DNS_PROVIDER": "acme-dns"}, "ACME_DNS_API_BASE (or ACME_DNS_API_BASE_FILE) is not set"),
    "no such file": (
        ORDERS | {"RFC2136_TSIG_KEY": "k", "RFC2136_TSIG_SECRET_FILE": "/nope"},
        "RFC2136_TSIG_SECRET_FILE holds '/nope' but wants a file that can be read (No such file or directory)",
    ),
}


@pytest.mark.parametrize(("variables", "says"), PROVIDERS.values(), ids=PROVIDERS)
def test_a_wrong_provider_is_told_before_anything_is_asked(
    tmp_path: Path, variables: dict[str, str], says: str
) -> None:
    code, told, warned = call(tmp_path, "once", **(ORDERS | variables))
    assert (code, told) == (WRONG_SETTINGS, "")
    assert warned.startswith(says)
    assert warned.count("\n") == 1
    assert not (tmp_path / "state").exists()


def test_a_misspelt_variable_is_warned_of(tmp_path: Path) -> None:
    _, _, warned = call(tmp_path, "status", ACME_DIRECTORY_URL="https://ca.test/dir")
    assert 'message="ACME_DIRECTORY_URL is set, which nobody reads; did you mean ACME_DIRECTORY_URLS?"' in warned
    assert call(tmp_path, "status", ACME_DIRECTORY_URL="x", ACME_DIRECTORY_URLS="https://ca.test/dir")[2] == ""


@pytest.mark.parametrize("command", ["status", "run"])
def test_files_that_the_settings_name_are_looked_at_first(tmp_path: Path, command: str) -> None:
    code, _, told = call(tmp_path / "certificates", command, ACME_CA_FILE=str(tmp_path / "none"))
    assert code == WRONG_SETTINGS
    assert told.startswith(f"ACME_CA_FILE holds '{tmp_path / 'none'}' but wants a file with certificates in PEM")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("variable", ["ACME_DIRECTORY_URLS", "BACKEND_URL"])
def test_a_password_in_a_url_is_refused_and_not_shown(tmp_path: Path, variable: str) -> None:
    code, _, told = call(tmp_path, "status", **{variable: "https://me:hidden@ca.test/dir"})
    assert code == WRONG_SETTINGS
    assert "without a user name or password" in told
    assert "hidden" not in told
