"""Is a provider library asked in a program of its own, within bounds, with its failures told? With lego, where it is there."""

import hashlib
import importlib.util
import io
import json
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from acme_client.errors import AcmeError, ErrorKind
from acme_client.look_up import Resolver
from acme_client.providers import Surroundings, provider_from
from acme_client.providers.extra import Extra
from acme_client.providers.lego import Lego
from acme_client.providers.lexicon import Lexicon
from acme_client.providers.libraries import lexicon_names
from acme_client.providers.provider import Entry
from acme_client.providers.variables import Variables
from tests.acme.rig.bind import Bind

SECRET = "s3cr3t-s3cr3t"  # noqa: S105 - opens nothing


def extra(folder: Path, body: str, *, timeout_seconds: float = 20.0) -> Extra:
    """An extra whose child does what `body` says with its letter."""
    child = folder / "child.py"
    child.write_text(f"import json, os, sys, time\nletter = json.load(sys.stdin)\n{body}\n")
    return Extra("lego:toy", "a-package", child, Variables({"TOY_TOKEN": SECRET}), timeout_seconds, {"TOY": "1"})


def test_the_letter_goes_in_by_standard_input(tmp_path: Path) -> None:
    said = tmp_path / "said"
    extra(tmp_path, f"json.dump([letter, sys.argv[1:], os.environ['TOY']], open({str(said)!r}, 'w'))").call(
        {"a": 1}, "add"
    )
    assert json.loads(said.read_text()) == [{"a": 1}, [], "1"]


FAILURES = {
    "an error": ("sys.exit('no such zone')", ErrorKind.DNS_PROVIDER, "lego:toy: add failed: no such zone"),
    "a refusal": ("sys.exit('API said 403 to s3cr3t-s3cr3t')", ErrorKind.DNS_CREDENTIALS, r"API said 403 to \*\*\*"),
    "a wrong token": ("sys.exit('Invalid access token')", ErrorKind.DNS_CREDENTIALS, "Invalid access token"),
    "not a word": ("sys.exit(1)", ErrorKind.DNS_PROVIDER, "it said nothing"),
    "a crash": ("os.abort()", ErrorKind.DNS_PROVIDER, "add failed"),
    "no library": ("sys.exit(3)", ErrorKind.DNS_PROVIDER, r"needs a-package, .*pip install -r requirements-dns\.txt"),
}


@pytest.mark.parametrize(("body", "kind", "told"), FAILURES.values(), ids=FAILURES)
def test_failures(tmp_path: Path, body: str, kind: ErrorKind, told: str) -> None:
    with pytest.raises(AcmeError, match=told) as caught:
        extra(tmp_path, body).call({}, "add")
    assert caught.value.kind is kind


def test_a_library_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(AcmeError, match=r"add took more than 0\.5 s"):
        extra(tmp_path, "time.sleep(60)", timeout_seconds=0.5).call({}, "add")


KNOWN = {
    "it knows it": ("", True),
    "it does not": ("sys.exit('unrecognized DNS provider: toy')", False),
    "its credentials are missing": ("sys.exit('toy: some credentials information are missing: TOY_TOKEN')", True),
    "it is not installed": ("sys.exit(3)", True),
}


@pytest.mark.parametrize(("body", "is_known"), KNOWN.values(), ids=KNOWN)
def test_lego_says_whether_it_knows_a_name(tmp_path: Path, body: str, *, is_known: bool) -> None:
    assert Lego("toy", extra(tmp_path, body), ()).is_known() is is_known


@pytest.mark.skipif(not importlib.util.find_spec("lego_bridge"), reason="certbot-dns-multi is not installed")
def test_a_name_that_lego_does_not_know_is_told_at_the_start(tmp_path: Path) -> None:
    around = Surroundings(tmp_path, (), io.StringIO(), io.StringIO())
    with pytest.raises(AcmeError, match=r"'cloudfare', which lego does not know; did you mean cloudflare\?"):
        provider_from({"DNS_PROVIDER": "cloudfare"}, around)


@pytest.mark.skipif(not lexicon_names(), reason="dns-lexicon is not installed")
def test_a_name_that_lexicon_does_not_have_is_told_at_the_start(tmp_path: Path) -> None:
    around = Surroundings(tmp_path, (), io.StringIO(), io.StringIO())
    with pytest.raises(AcmeError, match=r"wants a name of dns-lexicon's; did you mean lexicon:cloudflare"):
        provider_from({"DNS_PROVIDER": "lexicon:cloudfare"}, around)


def test_lexicon_gets_zone_options_and_name(named: Bind, tmp_path: Path) -> None:
    said = tmp_path / "said"
    toy = extra(tmp_path, f"json.dump(letter, open({str(said)!r}, 'w'))")
    variables = Variables({"LEXICON_TOY_AUTH_TOKEN": SECRET, "LEXICON_OTHER_X": "y", "LEXICON_TTL": "90"})
    entry = Entry("_acme-challenge.app.sub.example.test.", "value", "app.sub.example.test")
    Lexicon("toy", toy, variables, Resolver([named.primary])).add(entry)
    assert json.loads(said.read_text()) == {
        "provider": "toy",
        "zone": "sub.example.test",
        "options": {"auth_token": SECRET},
        "ttl": "90",
        "action": "create",
        "name": "_acme-challenge.app.sub.example.test",
        "value": "value",
    }


@pytest.mark.skipif(not importlib.util.find_spec("lego_bridge"), reason="certbot-dns-multi is not installed")
def test_lego_adds_and_removes_through_bind(named: Bind, tmp_path: Path) -> None:
    settings = named.environment | {"DNS_PROVIDER": "lego:rfc2136", "RFC2136_TSIG_ALGORITHM": "hmac-sha256."}
    around = Surroundings(tmp_path, (named.primary,), io.StringIO(), io.StringIO())
    provider = provider_from(settings, around)
    key_authorization = "token.thumbprint"
    value = urlsafe_b64encode(hashlib.sha256(key_authorization.encode()).digest()).decode().rstrip("=")
    name = "_acme-challenge.example.test."
    entry = Entry(name, value, "example.test", "token", key_authorization)
    provider.add(entry)
    assert value in named.texts(name)
    provider.remove(entry)
    assert value not in named.texts(name)
