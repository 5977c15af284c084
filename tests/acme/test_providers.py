"""Does DNS_PROVIDER find its provider, do secrets stay where they are, and is a person at a terminal asked?"""

import io
import os
import pty
import select
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import pytest

from acme_client.errors import AcmeError, ErrorKind
from acme_client.name_servers import Endpoint
from acme_client.providers import Surroundings, provider_from
from acme_client.providers.acmedns import AcmeDns
from acme_client.providers.exec_hook import ExecHook
from acme_client.providers.http_hook import HttpHook
from acme_client.providers.lego import Lego
from acme_client.providers.lexicon import Lexicon
from acme_client.providers.manual import Manual
from acme_client.providers.provider import Entry
from acme_client.providers.rfc2136 import Rfc2136
from acme_client.providers.variables import Variables
from tests.rig.patience import PATIENCE_SECONDS

ENTRY = Entry("_acme-challenge.example.com.", "value", "example.com", "token", "token.thumbprint")


def around(folder: Path, keyboard: TextIO | None = None, screen: TextIO | None = None) -> Surroundings:
    servers = (Endpoint("127.0.0.1", 5300),)
    return Surroundings(folder, servers, keyboard or io.StringIO(), screen or io.StringIO(), lambda _module: True)


NAMES = {
    "rfc2136": ({"RFC2136_NAMESERVER": "192.0.2.1"}, Rfc2136),
    "acme-dns": ({"ACME_DNS_API_BASE": "https://auth.example.org"}, AcmeDns),
    "exec": ({"EXEC_PATH": "/bin/true"}, ExecHook),
    "httpreq": ({"HTTPREQ_ENDPOINT": "https://example.org"}, HttpHook),
    "lexicon:cloudflare": ({}, Lexicon),
    "lego:cloudflare": ({}, Lego),
    "Cloudflare": ({}, Lego),
}


@pytest.mark.parametrize(("name", "settings", "kind"), [(name, *row) for name, row in NAMES.items()], ids=NAMES)
def test_names(tmp_path: Path, name: str, settings: dict[str, str], kind: type) -> None:
    assert isinstance(provider_from({"DNS_PROVIDER": name, **settings}, around(tmp_path)), kind)


@pytest.mark.parametrize("name", ["", "cloud flare", "lexicon:", "other:x", "../x"])
def test_no_provider(tmp_path: Path, name: str) -> None:
    with pytest.raises(AcmeError, match=r"DNS_PROVIDER holds .* but wants rfc2136, acme-dns, exec") as caught:
        provider_from({"DNS_PROVIDER": name}, around(tmp_path))
    assert caught.value.kind is ErrorKind.DNS_PROVIDER


def test_accounts_of_acme_dns_are_kept_in_the_folder(tmp_path: Path) -> None:
    settings = {"DNS_PROVIDER": "acme-dns", "ACME_DNS_API_BASE": "https://auth.example.org"}
    provider = provider_from(settings, around(tmp_path))
    assert isinstance(provider, AcmeDns)
    assert provider.storage == tmp_path / "acme-dns.json"


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO, TextIO]]:
    """A real terminal: what a person types into, and what a program reads and writes."""
    person, program = pty.openpty()
    keyboard, screen = os.fdopen(program, "r"), os.fdopen(os.dup(program), "w")
    with keyboard, screen:
        yield person, keyboard, screen
    os.close(person)


def said_until(person: int, *words: str) -> str:
    """What the terminal shows until all `words` have come, one after the other."""
    said, rest = "", list(words)
    while rest:
        ready, _, _ = select.select([person], [], [], PATIENCE_SECONDS)
        assert ready, f"{rest[0]} never came: {said}"
        said += os.read(person, 1).decode()
        if said.endswith(rest[0]):
            rest.pop(0)
    return said + os.read(person, 1).decode()


def test_a_person_is_told_what_to_set_and_waited_for(tmp_path: Path, terminal: tuple[int, TextIO, TextIO]) -> None:
    person, keyboard, screen = terminal
    provider = provider_from({"DNS_PROVIDER": "manual"}, around(tmp_path, keyboard, screen))
    os.write(person, b"\n")
    provider.add(ENTRY)
    provider.remove(ENTRY)
    assert '_acme-challenge.example.com. 60 IN TXT "value"' in said_until(person, "Press Enter")
    assert '_acme-challenge.example.com. 60 IN TXT "value"' in said_until(person, "can be removed", "value")


def test_a_person_who_has_gone_is_not_waited_for_without_end(terminal: tuple[int, TextIO, TextIO]) -> None:
    _, keyboard, screen = terminal
    with pytest.raises(AcmeError, match="Nobody confirmed"):
        Manual(keyboard, screen, timeout_seconds=0.1).add(ENTRY)


def test_manual_without_a_terminal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AcmeError, match="needs a terminal"):
        provider_from({"DNS_PROVIDER": "manual"}, around(tmp_path))


def test_an_extra_that_is_not_installed_names_what_to_install(tmp_path: Path) -> None:
    here = replace(around(tmp_path), is_installed=lambda _module: False)
    for name, package in {"lego:cloudflare": "certbot-dns-multi", "lexicon:cloudflare": "dns-lexicon"}.items():
        told = rf"^DNS_PROVIDER={name} needs {package}, which is not installed: .venv/bin/python -m pip install -r requirements-dns.txt, "
        with pytest.raises(AcmeError, match=told) as caught:
            provider_from({"DNS_PROVIDER": name}, here)
        assert caught.value.kind is ErrorKind.DNS_PROVIDER


MISSPELT = {
    "rfc-2136": "rfc2136",
    "RFC_2136": "rfc2136",
    "acmedns": "acme-dns",
    "httpreg": "httpreq",
    "cloudfare": "cloudflare",
    "lego:digitalocaen": "lego:digitalocean",
}


@pytest.mark.parametrize(("held", "meant"), MISSPELT.items(), ids=MISSPELT)
def test_a_misspelt_name_is_told_the_near_one_first(tmp_path: Path, held: str, meant: str) -> None:
    here = replace(around(tmp_path), is_installed=lambda _module: False)
    with pytest.raises(AcmeError, match=rf"DNS_PROVIDER holds '{held.lower()}'.*did you mean {meant}\?") as caught:
        provider_from({"DNS_PROVIDER": held}, here)
    before, _, after = str(caught.value).partition("did you mean")
    assert "pip install" not in before, after


HALVES = {
    "a user without password": ({"HTTPREQ_USERNAME": "me"}, "HTTPREQ_PASSWORD .*is not set but wants the password"),
    "a password without user": ({"HTTPREQ_PASSWORD": "s3cr3t"}, "HTTPREQ_USERNAME .*is not set but wants the user"),
}


@pytest.mark.parametrize(("settings", "told"), HALVES.values(), ids=HALVES)
def test_half_of_basic_authentication_is_not_left_out_in_silence(
    tmp_path: Path, settings: dict[str, str], told: str
) -> None:
    complete = {"DNS_PROVIDER": "httpreq", "HTTPREQ_ENDPOINT": "https://example.org", **settings}
    with pytest.raises(AcmeError, match=told) as caught:
        provider_from(complete, around(tmp_path))
    assert "s3cr3t" not in str(caught.value)


def test_a_url_that_is_none_is_shown_but_not_with_its_password(tmp_path: Path) -> None:
    with pytest.raises(AcmeError, match=r"HTTPREQ_ENDPOINT holds 'dns\.example\.org' but wants the URL"):
        provider_from({"DNS_PROVIDER": "httpreq", "HTTPREQ_ENDPOINT": "dns.example.org"}, around(tmp_path))
    with pytest.raises(AcmeError, match="ACME_DNS_API_BASE holds something else but wants the URL") as caught:
        provider_from({"DNS_PROVIDER": "acme-dns", "ACME_DNS_API_BASE": "ftp://me:s3cr3t@x"}, around(tmp_path))
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("mode", [None, 0o600], ids=["not there", "not executable"])
def test_a_program_that_cannot_be_run_is_told_at_the_start(tmp_path: Path, mode: int | None) -> None:
    program = tmp_path / "hook"
    if mode is not None:
        program.write_text("#!/bin/sh\n")
        program.chmod(mode)
    with pytest.raises(AcmeError, match=f"EXEC_PATH holds '{program}' but wants a program"):
        provider_from({"DNS_PROVIDER": "exec", "EXEC_PATH": str(program)}, around(tmp_path))


def test_accounts_of_acme_dns_want_a_file(tmp_path: Path) -> None:
    settings = {"DNS_PROVIDER": "acme-dns", "ACME_DNS_API_BASE": "https://x", "ACME_DNS_STORAGE_PATH": str(tmp_path)}
    with pytest.raises(AcmeError, match=f"ACME_DNS_STORAGE_PATH holds '{tmp_path}' but wants a file"):
        provider_from(settings, around(tmp_path))


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cr3t\n")
    variables = Variables({"A_TOKEN_FILE": str(tmp_path / "secret"), "B": " x "})
    assert variables.text("A_TOKEN") == "s3cr3t"
    assert variables.text("B") == "x"
    assert variables.text("C", "default") == "default"
    assert variables.with_prefix("A_") == {"TOKEN": "s3cr3t"}
    assert "s3cr3t" not in repr(variables)


def test_a_variable_and_its_file_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(AcmeError, match="A and A_FILE are both set but only one of them is wanted"):
        Variables({"A": "1", "A_FILE": str(tmp_path / "none")}).text("A")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(AcmeError, match=rf"A_TOKEN_FILE holds '{tmp_path}/none' but wants .* \(No such file"):
        Variables({"A_TOKEN_FILE": f"{tmp_path}/none"}).text("A_TOKEN")


def test_strangers_words_lose_our_secrets(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from/a file")
    variables = Variables(
        {
            "CF_DNS_API_TOKEN": "abcdef123",
            "OVH_APPLICATION_SECRET_FILE": str(tmp_path / "secret"),
            "X_TOKEN": "no",
            "BOTH_KEY": "one of two",
            "BOTH_KEY_FILE": str(tmp_path / "secret"),
            "DOMAIN": "example",
        }
    )
    said = "GET /?t=abcdef123&u=from%2Fa%20file: no, from/a file is bad for example, as is one of two"
    assert variables.redacted(said) == "GET /?t=***&u=***: no, *** is bad for example, as is ***"
