"""Which servers speak for a name, and does each of them show a value there?"""

import errno
from dataclasses import dataclass
from enum import StrEnum, unique

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
from dns.rdtypes.ANY.TXT import TXT

from acme_client.errors import AcmeError, ErrorKind
from acme_client.look_up import LookUpError, Resolver
from acme_client.name_servers import DNS_PORT, Endpoint, ask

MAX_ALIASES = 8
"""Let's Encrypt's resolver follows about as many."""
MAX_ADDRESSES = 32
"""Zones have 13 servers at most (RFC 1035 leaves room for no more in a small answer), each with a few addresses."""
_NO_ROUTE = {errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""This machine has no way there, as without IPv6; says nothing about the server."""


@dataclass(frozen=True, slots=True)
class NameServer:
    """A server of a zone by the name in its NS record, and its addresses."""

    name: str
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class Home:
    """Where a name's records really live."""

    name: str
    """The name behind all aliases, with the dot at its end."""
    zone: str
    servers: tuple[NameServer, ...]


@unique
class Seen(StrEnum):
    """What one address of a name server answered. The text completes "<server> ..."."""

    SHOWN = "shows it"
    LACKING = "does not have it yet"
    LAME = "does not speak for the zone"
    SILENT = "does not answer"
    UNREACHABLE = "cannot be reached from here (no route)"
    ADDRESSLESS = "has no address"


def find_home(name: str, resolver: Resolver, *, port: int = DNS_PORT) -> Home:
    """The zone and servers of a name; raises AcmeError (LOOK_UP) when they cannot be found, PROPAGATION as `follow` does."""
    try:
        target = follow(name, resolver)
        zone = zone_of(target, resolver)
        return Home(target, zone, servers_of(zone, resolver, port=port))
    except LookUpError as error:
        raise AcmeError(ErrorKind.LOOK_UP, f"The name servers of {name} could not be found: {error}") from error


def follow(name: str, resolver: Resolver) -> str:
    """The name at the end of the CNAMEs, so that a challenge can be delegated (RFC 8555 10.1; Let's Encrypt follows them).

    Raises AcmeError (PROPAGATION) for a loop or a chain that is too long, LookUpError.
    """
    chain = [name]
    while aliases := resolver.records(chain[-1], "CNAME", aliases=False):
        target = aliases[0].to_text().lower()
        if target in chain or len(chain) > MAX_ALIASES:
            way = " -> ".join([*chain, target])
            fault = "run in a circle" if target in chain else f"are more than {MAX_ALIASES}"
            raise AcmeError(ErrorKind.PROPAGATION, f"The CNAME records {fault}: {way}")
        chain.append(target)
    return chain[-1]


def zone_of(name: str, resolver: Resolver) -> str:
    """The zone that a name is in: the nearest name above with a SOA record (RFC 1035 3.3.13); raises LookUpError."""
    candidate = dns.name.from_text(name)
    while candidate != dns.name.root:
        if resolver.records(candidate.to_text(), "SOA", aliases=False):
            return candidate.to_text()
        candidate = candidate.parent()
    raise LookUpError(f"no name from {name} upwards has a SOA record")


def servers_of(zone: str, resolver: Resolver, *, port: int = DNS_PORT) -> tuple[NameServer, ...]:
    """The servers in the NS records of a zone, in order of their names; raises LookUpError."""
    names = sorted(record.to_text().lower() for record in resolver.records(zone, "NS"))
    if not names:
        raise LookUpError(f"{zone} has no NS records")
    room = MAX_ADDRESSES
    servers = []
    for name in names:
        endpoints = _endpoints(name, resolver, port)[:room]
        room -= len(endpoints)
        servers.append(NameServer(name, endpoints))
    return tuple(servers)


def _endpoints(name: str, resolver: Resolver, port: int) -> tuple[Endpoint, ...]:
    """Of one server; none when its own name cannot be looked up, which is no reason to give up on the others."""
    found = []
    for kind in ("A", "AAAA"):
        try:
            found += [Endpoint(record.to_text(), port) for record in resolver.records(name, kind)]
        except LookUpError:
            continue
    return tuple(found)


def look(endpoint: Endpoint, name: str, values: frozenset[str], *, seconds: float) -> Seen:
    """Whether the server at this address shows all `values` as TXT records of `name`."""
    try:
        answer = ask(endpoint, name, "TXT", seconds=seconds)
    except OSError as error:
        return Seen.UNREACHABLE if error.errno in _NO_ROUTE else Seen.SILENT
    except (dns.exception.DNSException, EOFError):  # EOFError: dnspython 2, when the server closes TCP early
        return Seen.SILENT
    if values <= _texts(answer):
        return Seen.SHOWN
    speaks = answer.flags & dns.flags.AA and answer.rcode() in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}
    return Seen.LACKING if speaks else Seen.LAME


def _texts(answer: dns.message.Message) -> frozenset[str]:
    """The TXT values, each put together from its strings (RFC 7208 3.3 does it alike)."""
    records = (record for rrset in answer.answer if rrset.rdtype == dns.rdatatype.TXT for record in rrset)
    return frozenset(b"".join(r.strings).decode("ascii", "replace") for r in records if isinstance(r, TXT))


def summary(server: NameServer, seen: tuple[Seen, ...]) -> Seen:
    """One word for a server with several addresses: what is worst among the addresses that answer.

    An address that is silent or out of reach is excused by a sister that answers: the CA's resolver goes on to that one too.
    """
    if not server.endpoints:
        return Seen.ADDRESSLESS
    answered = [one for one in seen if one in {Seen.SHOWN, Seen.LACKING, Seen.LAME}]
    for worst in (Seen.LACKING, Seen.LAME, Seen.SHOWN):
        if worst in answered:
            return worst
    return Seen.SILENT if Seen.SILENT in seen else Seen.UNREACHABLE
