from ipaddress import ip_network

import pytest

from mesh_gateway.routing.addresses import AddressPolicy, parse_ip

TUNNEL = AddressPolicy(allowed=(ip_network("10.77.0.0/16"),), own=frozenset({"10.77.0.1", "198.51.100.9"}))
DEMO = AddressPolicy(allowed=(ip_network("127.0.0.0/8"), ip_network("::1/128")), own=frozenset({"127.0.0.1", "::1"}))


@pytest.mark.parametrize(
    ("text", "ip"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("[2001:db8::5]", "2001:db8::5"),
        ("2001:DB8:0:0::5", "2001:db8::5"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("fe80::1%eth0", None),
        ("127.1", None),
        ("0x7f000001", None),
        ("2130706433", None),
        ("0177.0.0.1", None),
        ("127.0.0.1:80", None),
        ("localhost", None),
        ("upstream.example.com", None),
        ("１２７.0.0.1", None),  # noqa: RUF001 - full-width digits
        (" 203.0.113.5", None),
        ("[203.0.113.5", None),
        ("", None),
    ],
)
def test_only_a_literal_written_in_full_is_an_address(text: str, ip: str | None) -> None:
    assert parse_ip(text) == ip


REFUSED = {
    "loopback": ["127.0.0.1", "127.8.8.8", "::1", "64:ff9b::7f00:1"],
    "link-local": ["169.254.1.1", "fe80::1"],
    "metadata service": ["169.254.169.254", "fd00:ec2::254", "168.63.129.16", "64:ff9b::a9fe:a9fe"],
    "multicast": ["224.0.0.1", "ff02::1"],
    "unspecified": ["0.0.0.0", "::"],  # noqa: S104 - nothing listens here
    "the gateway's own": ["10.77.0.1", "198.51.100.9"],
    "not public": [
        "192.168.1.1",
        "10.0.0.1",
        "100.64.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "fd00::1",
        "fec0::1",
        "::7f00:1",
        "64:ff9b:1::cb00:7105",
        "64:ff9b::10.0.0.1",
        "2002:808:808::1",
        "2001:0:cb00:7105::1",
    ],
}


@pytest.mark.parametrize(
    ("ip", "reason"), [pytest.param(ip, reason, id=ip) for reason, ips in REFUSED.items() for ip in ips]
)
def test_what_is_not_public_is_refused_unless_listed(ip: str, reason: str) -> None:
    assert TUNNEL.refuses(parse_ip(ip) or ip) == reason


@pytest.mark.parametrize(
    "ip",
    [
        "203.0.113.5",
        "192.0.2.1",
        "8.8.8.8",
        "2001:db8::5",
        "2606:4700::1",
        "10.77.3.4",
        "64:ff9b::10.77.3.4",
    ],
)
def test_public_documented_and_listed_addresses_are_allowed(ip: str) -> None:
    assert TUNNEL.refuses(ip) is None


def test_mapped_addresses_are_seen_through_by_the_policy_too() -> None:
    assert TUNNEL.refuses("::ffff:127.0.0.1") == "loopback"


def test_a_listed_6to4_network_does_not_allow_what_it_leads_to() -> None:
    policy = AddressPolicy(allowed=(ip_network("2002::/16"),))
    assert policy.refuses("2002:7f00:1::1") == "loopback"
    assert policy.refuses("2002:808:808::1") is None


def test_a_listed_nat64_prefix_does_not_allow_what_it_translates_to() -> None:
    policy = AddressPolicy(allowed=(ip_network("64:ff9b:1::/48"),))
    assert policy.refuses("64:ff9b:1::a00:1") == "not public"
    assert policy.refuses("64:ff9b:1::808:808") is None
    assert policy.refuses("64:ff9b:1:808:8:800::") == "unspecified"


def test_the_demo_reaches_its_own_loopback() -> None:
    assert DEMO.refuses("127.0.0.1") is None
    assert DEMO.refuses("::1") is None


def test_own_and_metadata_addresses_must_be_named_one_by_one() -> None:
    named = AddressPolicy(
        allowed=(ip_network("10.77.0.1/32"), ip_network("169.254.169.254/32")), own=frozenset({"10.77.0.1"})
    )
    wide = AddressPolicy(allowed=(ip_network("169.254.0.0/16"),))
    assert named.refuses("10.77.0.1") is None
    assert named.refuses("169.254.169.254") is None
    assert wide.refuses("169.254.169.254") == "metadata service"
