"""Does a dynamic update change what it should and no more, and is every refusal told by its cause?"""

import pytest

from acme_client.errors import AcmeError, ErrorKind
from acme_client.name_servers import Endpoint
from acme_client.providers.provider import Entry
from acme_client.providers.rfc2136 import Rfc2136, rfc2136
from acme_client.providers.variables import Variables
from tests.acme.rig.bind import Bind
from tests.rig.ports import black_hole

NAME = "_acme-challenge.example.test."
STRANGER = "a stranger's value"


def entry(value: str, name: str = NAME) -> Entry:
    return Entry(name, value, name.removeprefix("_acme-challenge.").rstrip("."))


def provider(named: Bind, **changed: str) -> Rfc2136:
    return rfc2136(Variables(named.environment | changed))


def test_values_are_added_and_removed_one_by_one(named: Bind) -> None:
    writer = provider(named)
    writer.add(entry("one"))
    writer.add(entry("two"))
    writer.add(entry("two"))
    assert named.texts(NAME) == {"one", "two", STRANGER}
    writer.remove(entry("one"))
    assert named.texts(NAME) == {"two", STRANGER}
    writer.remove(entry("one"))
    writer.remove(entry("two"))
    assert named.texts(NAME) == {STRANGER}


def test_over_ipv6_and_by_a_secondary_that_passes_updates_on(named: Bind) -> None:
    writer = provider(named, RFC2136_NAMESERVER=f"[{named.secondary.host}]:{named.port}")
    writer.add(entry("six"))
    assert "six" in named.texts(NAME)
    writer.remove(entry("six"))
    assert "six" not in named.texts(NAME)


def test_the_zone_is_the_nearest_one(named: Bind) -> None:
    writer = provider(named)
    deep = entry("deep", "_acme-challenge.app.sub.example.test.")
    writer.add(deep)
    assert named.texts(deep.name) == {"deep"}
    writer.remove(deep)


REFUSALS = {
    "another secret": (
        {"RFC2136_TSIG_SECRET": "bm90IHRoZSBzZWNyZXQgYXQgYWxs"},
        NAME,
        r"does not accept the key gateway \(RFC2136_TSIG_KEY\): its secret is another one than RFC2136_TSIG_SECRET",
    ),
    "a key nobody knows": (
        {"RFC2136_TSIG_KEY": "stranger"},
        NAME,
        "the key stranger .*check that and RFC2136_TSIG_KEY",
    ),
    "another algorithm": (
        {"RFC2136_TSIG_ALGORITHM": "hmac-sha512"},
        NAME,
        "does not accept the key gateway .*no such key with RFC2136_TSIG_ALGORITHM",
    ),
    "no key": (
        {"RFC2136_TSIG_KEY": "", "RFC2136_TSIG_SECRET": ""},
        NAME,
        "REFUSED: this machine without a key may not",
    ),
    "a name that the policy does not grant": ({}, "_acme-challenge.bob.example.test.", "REFUSED.*update-policy"),
    "a zone that cannot be changed": ({}, "_acme-challenge.caa.test.", "REFUSED"),
}


@pytest.mark.parametrize(("changed", "name", "told"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(named: Bind, changed: dict[str, str], name: str, told: str) -> None:
    with pytest.raises(AcmeError, match=told) as caught:
        provider(named, **changed).add(entry("x", name))
    assert caught.value.kind is ErrorKind.DNS_CREDENTIALS
    assert str(named.primary) in str(caught.value)
    assert named.secret not in str(caught.value)


def test_a_zone_that_the_server_does_not_have(named: Bind) -> None:
    writer = Rfc2136(named.secondary, None)
    with pytest.raises(AcmeError, match="does not speak for that zone") as caught:
        writer.add(entry("x", "_acme-challenge.lame.lab."))
    assert caught.value.kind is ErrorKind.DNS_PROVIDER


def test_a_server_that_takes_no_connection_ends_at_the_deadline() -> None:
    with (
        black_hole() as port,
        pytest.raises(AcmeError, match=r"RFC2136_NAMESERVER.* within 0\.3 s \(RFC2136_DNS") as caught,
    ):
        Rfc2136(Endpoint("127.0.0.1", port), None, timeout_seconds=0.3).add(entry("x"))
    assert caught.value.kind is ErrorKind.DNS_PROVIDER


WRONG = {
    "no server": ({"RFC2136_NAMESERVER": ""}, "RFC2136_NAMESERVER .* is not set"),
    "no server's address": ({"RFC2136_NAMESERVER": "a b"}, "RFC2136_NAMESERVER holds 'a b'"),
    "a key without secret": ({"RFC2136_TSIG_SECRET": ""}, "RFC2136_TSIG_SECRET .* is not set"),
    "a secret without key": ({"RFC2136_TSIG_KEY": ""}, "RFC2136_TSIG_KEY is not set but wants the name of the key"),
    "a secret that is no base64": ({"RFC2136_TSIG_SECRET": "hunter2!"}, "RFC2136_TSIG_SECRET is no base64"),
    "an algorithm nobody has": (
        {"RFC2136_TSIG_ALGORITHM": "md4"},
        "RFC2136_TSIG_ALGORITHM holds 'md4' but wants one of",
    ),
    "no name of a key": ({"RFC2136_TSIG_KEY": "a..b"}, "RFC2136_TSIG_KEY holds"),
    "no time": ({"RFC2136_DNS_TIMEOUT": "0"}, "RFC2136_DNS_TIMEOUT holds '0'"),
}


@pytest.mark.parametrize(("changed", "told"), WRONG.values(), ids=WRONG)
def test_wrong_settings(named: Bind, changed: dict[str, str], told: str) -> None:
    with pytest.raises(AcmeError, match=told) as caught:
        provider(named, **changed)
    assert caught.value.kind is ErrorKind.DNS_CREDENTIALS
    assert "hunter2" not in str(caught.value)


def test_the_secret_is_in_no_repr(named: Bind) -> None:
    assert named.secret not in repr(provider(named))
