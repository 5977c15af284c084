"""Does a fingerprint change with each setting that bears on an attempt, with no other, and give nothing away?"""

import os
from pathlib import Path

import pytest

from acme_client.fingerprint import KEY_BYTES, fingerprint, keep_key
from acme_client.settings import read_settings

KEY = bytes(KEY_BYTES)
HIDDEN = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
BASE = {
    "SERVER_DOMAIN": "example.com",
    "SSL_EMAIL": "me@example.com",
    "DNS_PROVIDER": "rfc2136",
    "RFC2136_NAMESERVER": "192.0.2.1",
    "RFC2136_TSIG_KEY": "k",
    "RFC2136_TSIG_SECRET": HIDDEN,
}


def of(**variables: str) -> str:
    environment = BASE | variables
    return fingerprint(read_settings(environment), environment, KEY)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SSL_EMAIL", "you@example.com"),
        ("DNS_PROVIDER", "manual"),
        ("RFC2136_NAMESERVER", "192.0.2.2"),
        ("RFC2136_TSIG_SECRET", "another"),
        ("RFC2136_TSIG_ALGORITHM", "hmac-sha512"),
        ("DNS_RESOLVERS", "192.0.2.3"),
        ("DNS_PROPAGATION_TIMEOUT", "10m"),
        ("ACME_PROFILE", "shortlived"),
        ("HTTPS_PROXY", "http://192.0.2.4"),
        ("https_proxy", "http://192.0.2.4"),
    ],
)
def test_what_bears_on_an_attempt_changes_it(variable: str, value: str) -> None:
    assert of() != of(**{variable: value})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SSL_DOMAINS", "a.org"),
        ("ACME_DIRECTORY_URLS", "zerossl"),
        ("HOSTNAME", "replica-2"),
        ("INVOCATION_ID", "0f"),
        ("CLOUDFLARE_DNS_API_TOKEN", "of another provider"),
    ],
)
def test_what_does_not_leaves_it(variable: str, value: str) -> None:
    assert of() == of(**{variable: value})


@pytest.mark.parametrize(
    ("provider", "variable"),
    [
        ("cloudflare", "CLOUDFLARE_DNS_API_TOKEN"),
        ("cloudflare", "CF_DNS_API_TOKEN"),
        ("lego:route53", "AWS_SECRET_ACCESS_KEY"),
        ("lexicon:gandi", "LEXICON_GANDI_AUTH_TOKEN"),
        ("acme-dns", "ACME_DNS_API_BASE"),
    ],
)
def test_the_variables_of_each_provider_count(provider: str, variable: str) -> None:
    assert of(DNS_PROVIDER=provider) != of(DNS_PROVIDER=provider, **{variable: "x"})


def test_what_is_in_a_file_counts(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    variables = {"RFC2136_TSIG_SECRET": "", "RFC2136_TSIG_SECRET_FILE": str(file)}
    missing = of(**variables)
    file.write_text(HIDDEN)
    assert of(**variables) == of()
    file.write_text("mended")
    assert len({missing, of(), of(**variables)}) == 3


def test_a_program_that_was_mended_counts(tmp_path: Path) -> None:
    program = tmp_path / "hook"
    program.write_text("exit 1")
    program.chmod(0o700)
    variables = {"DNS_PROVIDER": "exec", "EXEC_PATH": str(program)}
    broken = of(**variables)
    assert of(**variables) == broken
    program.write_text("exit 0 # mended")
    assert of(**variables) != broken


def test_nothing_can_be_guessed_without_the_key() -> None:
    assert HIDDEN not in of()
    assert of() != fingerprint(read_settings(BASE), BASE, b"\1" * KEY_BYTES)


def test_the_key_is_kept_for_its_owner_alone_and_is_the_same_for_all(tmp_path: Path) -> None:
    path = tmp_path / "state" / "fingerprint.key"
    key = keep_key(path)
    assert (len(key), keep_key(path)) == (KEY_BYTES, key)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("held", [b"", b"\1" * (KEY_BYTES - 1)], ids=["empty", "cut short"])
def test_what_is_no_key_is_replaced(tmp_path: Path, held: bytes) -> None:
    path = tmp_path / "fingerprint.key"
    path.write_bytes(held)
    key = keep_key(path)
    assert (len(key), keep_key(path)) == (KEY_BYTES, key)
    assert list(tmp_path.iterdir()) == [path]


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "fingerprint.key"
    os.mkfifo(path)
    assert keep_key(path) == b""
    assert list(tmp_path.iterdir()) == [path]


def test_where_none_can_be_kept_there_is_no_fingerprint_that_changes_with_each_run(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    assert keep_key(tmp_path / "state" / "fingerprint.key") == b""
    assert fingerprint(read_settings(BASE), BASE, b"") == ""
