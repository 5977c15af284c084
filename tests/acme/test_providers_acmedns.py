"""Does acme-dns get its account once, its values each time, and the operator the CNAME to set?"""

import json
from pathlib import Path
from typing import Any

import pytest

from acme_client.errors import AcmeError, ErrorKind
from acme_client.providers.acmedns import AcmeDns, acme_dns
from acme_client.providers.provider import Entry
from acme_client.providers.variables import Variables
from tests.acme.rig.api import Posted, api

ACCOUNT: dict[str, Any] = {
    "username": "c36f50e8-4632",
    "password": "htB9mR9DYgcu9bX",
    "fulldomain": "8e5700ea.auth.example.org",
    "subdomain": "8e5700ea",
    "allowfrom": [],
}
UNSET = Entry("_acme-challenge.example.com.", "value", "example.com")
SET = Entry("8e5700ea.auth.example.org.", "value", "example.com")


def server(posted: Posted) -> tuple[int, bytes]:
    """What acme-dns answers to its two requests."""
    if posted.path == "/register":
        return 201, json.dumps(ACCOUNT).encode()
    good = (
        posted.fields.get("x-api-user") == ACCOUNT["username"] and posted.fields.get("x-api-key") == ACCOUNT["password"]
    )
    return (200, json.dumps({"txt": posted.letter["txt"]}).encode()) if good else (401, b'{"error": "forbidden"}')


def provider(url: str, folder: Path) -> AcmeDns:
    return acme_dns(Variables({"ACME_DNS_API_BASE": url}), folder / "acme-dns.json")


def test_the_first_time_an_account_is_made_and_the_cname_is_told(tmp_path: Path) -> None:
    with api(server) as stand_in:
        with pytest.raises(
            AcmeError, match=r"_acme-challenge.example.com. CNAME 8e5700ea.auth.example.org.$"
        ) as caught:
            provider(stand_in.url, tmp_path).add(UNSET)
        with pytest.raises(AcmeError, match="CNAME"):
            provider(stand_in.url, tmp_path).add(UNSET)
    assert caught.value.kind is ErrorKind.DNS_PROVIDER
    assert [one.path for one in stand_in.posted] == ["/register"]
    kept = tmp_path / "acme-dns.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_text())["example.com"]["password"] == ACCOUNT["password"]


def test_values_are_given_once_the_cname_leads_there(tmp_path: Path) -> None:
    with api(server) as stand_in:
        writer = provider(stand_in.url, tmp_path)
        writer.add(SET)
        writer.remove(SET)
    assert [one.path for one in stand_in.posted] == ["/register", "/update"]
    assert stand_in.posted[1].letter == {"subdomain": "8e5700ea", "txt": "value"}
    assert ACCOUNT["password"] not in repr(writer)


def test_an_account_that_lego_stored_is_used(tmp_path: Path) -> None:
    (tmp_path / "acme-dns.json").write_text(json.dumps({"example.com": ACCOUNT | {"server_url": "http://x"}}))
    with api(server) as stand_in:
        provider(stand_in.url, tmp_path).add(SET)
    assert [one.path for one in stand_in.posted] == ["/update"]


def test_an_account_that_the_server_does_not_know_any_more(tmp_path: Path) -> None:
    (tmp_path / "acme-dns.json").write_text(json.dumps({"example.com": ACCOUNT | {"password": "another"}}))
    with api(server) as stand_in, pytest.raises(AcmeError, match=r"127.0.0.1:\d+ did not take .*HTTP 401") as caught:
        provider(stand_in.url, tmp_path).add(SET)
    assert caught.value.kind is ErrorKind.DNS_CREDENTIALS
    assert "another" not in str(caught.value)


def test_registration_that_fails_is_told(tmp_path: Path) -> None:
    with api(lambda _posted: (403, b"{}")) as stand_in, pytest.raises(AcmeError, match="gave no account: HTTP 403"):
        provider(stand_in.url, tmp_path).add(SET)
    assert not (tmp_path / "acme-dns.json").exists()


STORED = {
    "no JSON": ("{", ErrorKind.STORE, "cannot be read and written"),
    "no object": ("[]", ErrorKind.STORE, "cannot be read and written: no object"),
    "half an account": ('{"example.com": {"username": "x"}}', ErrorKind.DNS_CREDENTIALS, "remove that entry"),
}


@pytest.mark.parametrize(("text", "kind", "told"), STORED.values(), ids=STORED)
def test_a_storage_that_makes_no_sense(tmp_path: Path, text: str, kind: ErrorKind, told: str) -> None:
    (tmp_path / "acme-dns.json").write_text(text)
    with pytest.raises(AcmeError, match=told) as caught:
        provider("http://127.0.0.1:1", tmp_path).add(SET)
    assert caught.value.kind is kind
    assert (tmp_path / "acme-dns.json").read_text() == text
