"""Which addresses may a route point at?

A route is data from outside: left to itself it could lead a request to the gateway's own ports, its neighbours or a
cloud's metadata service. Public addresses are allowed, all others only where a setting lists them.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# The examples of documents and tests live here (RFC 5737, RFC 3849). No host on earth has such an address.
_DOCUMENTATION: tuple[Network, ...] = tuple(
    ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)
# All that IANA gives out as global unicast; whatever lies outside has a meaning of its own (RFC 4291 2.4).
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_6TO4 = IPv6Network("2002::/16")  # RFC 7526 retired it; whether `is_global` knows that depends on Python's version
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052 2.1
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")  # RFC 8215
# Services of a cloud towards its own machines; one of them is a public address.
_METADATA = frozenset({"169.254.169.254", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"})


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """`allowed` are the networks that the operator lists, `own` the gateway's own addresses as canonical literals."""

    allowed: tuple[Network, ...]
    own: frozenset[str] = frozenset()

    def refuses(self, ip: str) -> str | None:
        """Why a route must not lead to the canonical literal `ip`; None where it may."""
        reasons = (self._refuses(meaning) for meaning in _meanings(ip_address(ip)))
        return next(filter(None, reasons), None)

    def _refuses(self, ip: Address) -> str | None:
        """The three cases: never, only if named, and only if in a listed network."""
        if ip.is_unspecified:
            return "unspecified"
        if ip.is_multicast:
            return "multicast"
        listed = tuple(network for network in self.allowed if ip in network)
        if str(ip) in _METADATA and not any(map(_names_one, listed)):
            return "metadata service"
        # A tunnel's network holds the gateway's own end of it too: listing the network does not mean that end.
        # Listing loopback does: whoever does that runs a demo on one machine.
        if str(ip) in self.own and not any(_names_one(network) or network.is_loopback for network in listed):
            return "the gateway's own"
        return None if listed else _not_public(ip)


def parse_ip(text: str) -> str | None:
    """The canonical literal of `text`, brackets off and IPv4-mapped forms as IPv4; None if it is not an address.

    Only what is written in full is one: `127.1`, `0x7f000001` and `2130706433` mean 127.0.0.1 to some programs and
    something else or nothing to others. Zone ids name an interface of one machine, so they are refused as well.
    """
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if "%" in text:
        return None
    try:
        ip = ip_address(text)
    except ValueError:
        return None
    return str(_unmapped(ip))


def _unmapped(ip: Address) -> Address:
    return (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip


def _meanings(ip: Address) -> tuple[Address, ...]:
    """Where a packet to `ip` may end: the address itself and the IPv4 addresses that a translator finds inside."""
    ip = _unmapped(ip)
    if isinstance(ip, IPv4Address):
        return (ip,)
    last_32_bits = IPv4Address(int(ip) & 0xFFFF_FFFF)
    if ip in _NAT64:
        return (last_32_bits,)
    if ip in _LOCAL_NAT64:
        # RFC 6052 2.2 lets the prefix be shorter than /96. Those forms end in zeros and so mean 0.0.0.0 here: refused.
        return (ip, last_32_bits)
    if ip.sixtofour:
        return (ip, ip.sixtofour)
    return (ip, *(ip.teredo or ()))


def _names_one(network: Network) -> bool:
    return network.prefixlen == network.max_prefixlen


def _not_public(ip: Address) -> str | None:
    if ip.is_loopback:
        return "loopback"
    if ip.is_link_local:
        return "link-local"
    if any(ip in network for network in _DOCUMENTATION):
        return None
    if isinstance(ip, IPv6Address) and (ip not in _GLOBAL_UNICAST or ip in _6TO4):
        return "not public"
    return None if ip.is_global else "not public"
