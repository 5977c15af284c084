"""Who is the client? The peer, or whom a trusted peer says it speaks for."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from mesh_gateway.routing.fields import Field, elements

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

# as many hops as nobody has; what stands further left was written by the client, if at all
_MOST_HOPS = 50

# [v6] or [v6]:port, v4 or v4:port, bare v6; a zone id is taken off
_HOP = re.compile(
    r"\[(?P<bracketed>[0-9A-Fa-f:.]+)(?:%[^\]]*)?\](?::[0-9]{1,5})?"
    r"|(?P<v4>[0-9.]+)(?::[0-9]{1,5})?"
    r"|(?P<v6>[0-9A-Fa-f:.]+)(?:%.*)?"
)


@dataclass(frozen=True, slots=True)
class Client:
    """Who sent a request."""

    address: str
    """The client's own address, after trusted proxies are taken off."""
    trusted: bool
    """Is the peer itself a trusted proxy?"""
    chain: tuple[str, ...]
    """What X-Forwarded-For keeps in front of the peer; empty for an untrusted one."""
    peer: str = ""
    """Who the connection came from; empty where that is the client itself."""

    @property
    def forwarded_for(self) -> str:
        """X-Forwarded-For as the upstream is to see it."""
        return ", ".join((*self.chain, self.peer or self.address))


def identify_client(peer: str, fields: tuple[Field, ...], trusted_proxies: tuple[Network, ...]) -> Client:
    """The client behind the connection of `peer`, whose word counts only if it is one of `trusted_proxies`."""
    address, untrusted = _peer(peer)
    if address is None or not trusted_proxies or not _is_trusted(address, trusted_proxies):
        return untrusted
    chain = _forwarded_for(fields)
    return Client(str(_walk(address, chain, trusted_proxies)), trusted=True, chain=chain, peer=str(address))


@lru_cache(4096)
def _peer(peer: str) -> tuple[Address | None, Client]:
    """The peer's address, and who it is where its word does not count: asked for each request of a connection."""
    address = _address(peer)
    return address, Client(peer if address is None else str(address), trusted=False, chain=())


def _forwarded_for(fields: tuple[Field, ...]) -> tuple[str, ...]:
    hops = elements(value for name, value in fields if name.lower() == b"x-forwarded-for")
    return tuple(hop.decode("latin-1") for hop in hops[-_MOST_HOPS:])


def _walk(peer: Address, chain: Sequence[str], trusted_proxies: tuple[Network, ...]) -> Address:
    """From right to left as long as the one who wrote an entry is trusted; garbage ends it at the last good address."""
    client = peer
    for hop in reversed(chain):
        address = _address(hop)
        if address is None:
            break
        client = address
        if not _is_trusted(client, trusted_proxies):
            break
    return client


def _is_trusted(address: Address, trusted_proxies: tuple[Network, ...]) -> bool:
    return any(address in network for network in trusted_proxies)


def _address(text: str) -> Address | None:
    match = _HOP.fullmatch(text)
    if match is None:
        return None
    try:
        address = ipaddress.ip_address(match["bracketed"] or match["v4"] or match["v6"])
    except ValueError:
        return None
    # a dual-stack socket shows v4 peers as ::ffff:a.b.c.d; networks are listed as v4
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
