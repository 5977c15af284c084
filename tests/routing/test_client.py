"""A client is who the last trusted hop saw."""

from ipaddress import ip_network

import pytest

from mesh_gateway.routing.client import Client, identify_client

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def forwarded_for(*values: str) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((b"X-Forwarded-For", value.encode("latin-1")) for value in values)


@pytest.mark.parametrize(
    ("peer", "values", "address", "trusted"),
    [
        pytest.param("203.0.113.9", [], "203.0.113.9", False, id="stranger"),
        pytest.param("203.0.113.9", ["1.1.1.1"], "203.0.113.9", False, id="stranger who claims"),
        pytest.param("203.0.113.9", ["10.0.0.2"], "203.0.113.9", False, id="stranger who claims to be a proxy"),
        pytest.param("::ffff:203.0.113.9", [], "203.0.113.9", False, id="mapped stranger"),
        pytest.param("fe80::1%eth0", [], "fe80::1", False, id="peer with a zone"),
        pytest.param("2001:DB8::0:1", [], "2001:db8::1", False, id="peer in another spelling"),
        pytest.param("", [], "", False, id="peer without address"),
        pytest.param("unix:/x", ["1.1.1.1"], "unix:/x", False, id="peer that is no address"),
        pytest.param("10.0.0.1", [], "10.0.0.1", True, id="proxy on its own behalf"),
        pytest.param("10.0.0.1", [""], "10.0.0.1", True, id="empty field"),
        pytest.param("10.0.0.1", ["1.1.1.1"], "1.1.1.1", True, id="proxy for a client"),
        pytest.param("::ffff:10.0.0.1", ["1.1.1.1"], "1.1.1.1", True, id="mapped proxy"),
        pytest.param("fd00::1%2", ["1.1.1.1"], "1.1.1.1", True, id="v6 proxy with a zone"),
        pytest.param("10.0.0.1", ["6.6.6.6, 1.1.1.1"], "1.1.1.1", True, id="client forged an entry"),
        pytest.param("10.0.0.1", ["6.6.6.6", "1.1.1.1"], "1.1.1.1", True, id="in a field of its own"),
        pytest.param("10.0.0.1", ["1.1.1.1, 10.0.0.3,fd00::4"], "1.1.1.1", True, id="proxies in a row"),
        pytest.param("10.0.0.1", ["6.6.6.6, 1.1.1.1, 10.0.0.3"], "1.1.1.1", True, id="forged before proxies"),
        pytest.param("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2", True, id="all trusted"),
        pytest.param("10.0.0.1", ["1.1.1.1, junk, 10.0.0.3"], "10.0.0.3", True, id="garbage ends the walk"),
        pytest.param("10.0.0.1", ["1.1.1.1, unknown"], "10.0.0.1", True, id="garbage at once"),
        pytest.param("10.0.0.1", ["1.1.1.1,, ,"], "1.1.1.1", True, id="empty entries are skipped"),
        pytest.param("10.0.0.1", ["1.1.1.1:5678"], "1.1.1.1", True, id="v4 with port"),
        pytest.param("10.0.0.1", ["[2001:db8::1]:443"], "2001:db8::1", True, id="v6 with port"),
        pytest.param("10.0.0.1", ["[2001:db8::1]"], "2001:db8::1", True, id="v6 in brackets"),
        pytest.param("10.0.0.1", ["2001:db8::1"], "2001:db8::1", True, id="bare v6"),
        pytest.param("10.0.0.1", ["[fe80::1%25eth0]:1"], "fe80::1", True, id="v6 with zone and port"),
        pytest.param("10.0.0.1", ["1.1.1.1, ::ffff:10.0.0.2"], "1.1.1.1", True, id="mapped entry"),
        pytest.param("10.0.0.1", ["::ffff:1.1.1.1"], "1.1.1.1", True, id="mapped client"),
        pytest.param("10.0.0.1", ["1.1.1"], "10.0.0.1", True, id="short address"),
        pytest.param("10.0.0.1", ["1.1.1.256"], "10.0.0.1", True, id="octet too large"),
        pytest.param("10.0.0.1", ["01.1.1.1"], "10.0.0.1", True, id="octal"),
        pytest.param("10.0.0.1", ["[1.1.1.1"], "10.0.0.1", True, id="half a bracket"),
        pytest.param("10.0.0.1", ["1.1.1.1:x"], "10.0.0.1", True, id="port that is no number"),
        pytest.param("10.0.0.1", ["2001:db8::1::2"], "10.0.0.1", True, id="v6 that is none"),
        pytest.param("10.0.0.1", ["evil.org"], "10.0.0.1", True, id="name"),
        pytest.param("10.0.0.1", ["\xe9"], "10.0.0.1", True, id="high byte"),
    ],
)  # fmt: skip
def test_the_client_is_found(peer: str, values: list[str], address: str, trusted: bool) -> None:
    client = identify_client(peer, forwarded_for(*values), TRUSTED)
    assert (client.address, client.trusted) == (address, trusted)


def test_nobody_is_trusted_where_nothing_is_set() -> None:
    client = identify_client("127.0.0.1", forwarded_for("1.1.1.1"), ())
    assert client == Client("127.0.0.1", trusted=False, chain=())
    assert client.forwarded_for == "127.0.0.1"


def test_the_chain_of_a_trusted_peer_is_kept_in_front_of_it() -> None:
    fields = ((b"x-forwarded-FOR", b"unknown, 1.1.1.1:99"), (b"Other", b"2.2.2.2"), (b"X-Forwarded-For", b"10.0.0.3"))
    client = identify_client("10.0.0.1", fields, TRUSTED)
    assert client == Client("1.1.1.1", trusted=True, chain=("unknown", "1.1.1.1:99", "10.0.0.3"), peer="10.0.0.1")
    assert client.forwarded_for == "unknown, 1.1.1.1:99, 10.0.0.3, 10.0.0.1"


def test_no_more_than_fifty_hops_are_looked_at() -> None:
    entries = ["1.1.1.1", *(f"10.0.0.{number}" for number in range(1, 51))]
    client = identify_client("10.0.0.1", forwarded_for(", ".join(entries)), TRUSTED)
    assert client.address == "10.0.0.1"
    assert client.chain == tuple(entries[1:])
