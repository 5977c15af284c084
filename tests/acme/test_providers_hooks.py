"""Do hooks of one's own get what lego gives them, within bounds, and is their failure told?"""

import base64
from pathlib import Path

import pytest

from acme_client.errors import AcmeError, ErrorKind
from acme_client.providers.exec_hook import exec_hook
from acme_client.providers.http_hook import http_hook
from acme_client.providers.provider import Entry
from acme_client.providers.variables import Variables
from tests.acme.rig.api import api
from tests.rig.ports import black_hole, dead_port

ENTRY = Entry("_acme-challenge.example.com.", "-value", "example.com", "token", "token.thumbprint")
PLAIN = Entry("_acme-challenge.example.com.", "-value", "example.com")


@pytest.fixture
def hook(tmp_path: Path) -> Path:
    """A program that writes down its arguments, or does what its own first lines say."""
    program = tmp_path / "hook.sh"
    program.write_text('#!/bin/sh\nfor one in "$@"; do echo "$one"; done >>"$OUT"\n')
    program.chmod(0o700)
    return program


def environment(program: Path, **more: str) -> Variables:
    return Variables({"PATH": "/usr/bin:/bin", "EXEC_PATH": str(program), "OUT": str(program.with_name("out")), **more})


def test_exec_gets_name_and_value(hook: Path) -> None:
    exec_hook(environment(hook)).add(ENTRY)
    exec_hook(environment(hook)).remove(ENTRY)
    said = hook.with_name("out").read_text().splitlines()
    assert said == ["present", ENTRY.name, "-value", "cleanup", ENTRY.name, "-value"]


def test_exec_raw_gets_the_key_authorization(hook: Path) -> None:
    exec_hook(environment(hook, EXEC_MODE="RAW")).add(ENTRY)
    said = hook.with_name("out").read_text().splitlines()
    assert said == ["present", "--", "example.com", "token", "token.thumbprint"]


def test_exec_failure_is_told_by_its_last_words_without_secrets(hook: Path) -> None:
    hook.write_text(
        "#!/bin/sh\nhead -c 100000 /dev/zero | tr '\\0' x; echo; echo the token $DNS_TOKEN is bad >&2; exit 7\n"
    )
    secret = {"DNS_TOKEN": "s3cr3t-s3cr3t"}
    with pytest.raises(AcmeError, match=r"(?s)ended with 7\. Its last words: x.*the token \*\*\* is bad") as caught:
        exec_hook(environment(hook, **secret)).add(ENTRY)
    assert caught.value.kind is ErrorKind.DNS_PROVIDER
    assert len(str(caught.value)) < 2500


def test_exec_has_a_deadline_and_leaves_nothing_running(hook: Path) -> None:
    hook.write_text("#!/bin/sh\n(sleep 60; echo late) &\nsleep 60\n")
    with pytest.raises(AcmeError, match=r"took more than 0.3 s"):
        exec_hook(environment(hook, EXEC_TIMEOUT="0.3")).add(ENTRY)


def test_exec_that_cannot_start_any_more(hook: Path) -> None:
    provider = exec_hook(environment(hook))
    hook.unlink()
    with pytest.raises(AcmeError, match="could not be started: No such file"):
        provider.add(ENTRY)


def test_http_posts_name_and_value() -> None:
    with api() as stand_in:
        hook = http_hook(Variables({"HTTPREQ_ENDPOINT": f"{stand_in.url}/dns/"}))
        hook.add(ENTRY)
        hook.remove(ENTRY)
    assert [(one.path, one.letter) for one in stand_in.posted] == [
        ("/dns/present", {"fqdn": ENTRY.name, "value": "-value"}),
        ("/dns/cleanup", {"fqdn": ENTRY.name, "value": "-value"}),
    ]
    assert "authorization" not in stand_in.posted[0].fields


def test_http_raw_with_a_password_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("pass word\n")
    with api() as stand_in:
        settings = {
            "HTTPREQ_ENDPOINT": stand_in.url,
            "HTTPREQ_MODE": "RAW",
            "HTTPREQ_USERNAME": "us",
            "HTTPREQ_PASSWORD_FILE": str(tmp_path / "password"),
        }
        hook = http_hook(Variables(settings))
        hook.add(ENTRY)
    (posted,) = stand_in.posted
    assert posted.letter == {"domain": "example.com", "token": "token", "keyAuth": "token.thumbprint"}
    assert posted.fields["authorization"] == f"Basic {base64.b64encode(b'us:pass word').decode()}"
    assert "pass word" not in repr(hook)


def test_raw_needs_what_the_order_did_not_give(hook: Path) -> None:
    with pytest.raises(AcmeError, match="EXEC_MODE=RAW needs the challenge's token"):
        exec_hook(environment(hook, EXEC_MODE="RAW")).add(PLAIN)


STATUSES = {
    401: ErrorKind.DNS_CREDENTIALS,
    403: ErrorKind.DNS_CREDENTIALS,
    404: ErrorKind.DNS_PROVIDER,
    500: ErrorKind.DNS_PROVIDER,
    302: ErrorKind.DNS_PROVIDER,
}


@pytest.mark.parametrize(("status", "kind"), STATUSES.items(), ids=map(str, STATUSES))
def test_http_refusal_is_told_without_the_password(status: int, kind: ErrorKind) -> None:
    with api(lambda _posted: (status, b"no such\nzone for pa55word")) as stand_in:
        settings = {"HTTPREQ_ENDPOINT": stand_in.url, "HTTPREQ_USERNAME": "us", "HTTPREQ_PASSWORD": "pa55word"}
        with pytest.raises(AcmeError, match=f"answered HTTP {status}: no such zone for \\*\\*\\*") as caught:
            http_hook(Variables(settings)).add(ENTRY)
    assert caught.value.kind is kind


def test_http_endless_answers_are_cut() -> None:
    with api(lambda _posted: (200, b"x" * 100_000)) as stand_in, pytest.raises(AcmeError, match="65536 bytes"):
        http_hook(Variables({"HTTPREQ_ENDPOINT": stand_in.url})).add(ENTRY)


def test_http_silence_and_death_are_told() -> None:
    with black_hole() as port, pytest.raises(AcmeError, match="HTTPREQ_ENDPOINT failed") as caught:
        http_hook(Variables({"HTTPREQ_ENDPOINT": f"http://127.0.0.1:{port}", "HTTPREQ_HTTP_TIMEOUT": "0.3"})).add(ENTRY)
    assert caught.value.kind is ErrorKind.DNS_PROVIDER
    with dead_port() as port, pytest.raises(AcmeError, match="refused"):
        http_hook(Variables({"HTTPREQ_ENDPOINT": f"http://us:pa55word@127.0.0.1:{port}"})).add(ENTRY)


WRONG = {
    "no endpoint": ({}, "HTTPREQ_ENDPOINT .*is not set"),
    "no URL": ({"HTTPREQ_ENDPOINT": "ftp://x"}, "http or https"),
    "no mode": (
        {"HTTPREQ_ENDPOINT": "http://x", "HTTPREQ_MODE": "COOKED"},
        "HTTPREQ_MODE holds 'COOKED' but wants RAW",
    ),
    "no number": ({"HTTPREQ_ENDPOINT": "http://x", "HTTPREQ_HTTP_TIMEOUT": "inf"}, "HTTPREQ_HTTP_TIMEOUT holds 'inf'"),
}


@pytest.mark.parametrize(("settings", "told"), WRONG.values(), ids=WRONG)
def test_wrong_settings(settings: dict[str, str], told: str) -> None:
    with pytest.raises(AcmeError, match=told) as caught:
        http_hook(Variables(settings))
    assert caught.value.kind is ErrorKind.DNS_CREDENTIALS
