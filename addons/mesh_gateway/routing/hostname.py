"""Whose host name is this? From `:authority` or `Host` to the tenant (CONTRACT part 2)."""

import ipaddress
import re
from dataclasses import dataclass
from enum import Enum, unique
from functools import lru_cache

import idna

_AUTHORITY = re.compile(r"(?P<host>[^:\[\]]+|\[[^\[\]]*\])(?::(?P<port>[0-9]{1,5}))?")
_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
TENANT = re.compile(r"[a-z0-9]{1,63}")

_LONGEST_NAME = 253
_LONGEST_AUTHORITY = _LONGEST_NAME + len(".:65535")
_HIGHEST_PORT = 65535
_RESERVED = frozenset({"www", "root", "app"})


@unique
class HostKind(Enum):
    """What a host name is to this gateway."""

    TENANT = "tenant"
    APEX = "apex"
    """The bare domain, and the reserved names: ours, but nobody's."""
    FOREIGN = "foreign"
    """Well-formed, under another domain or an IP literal."""
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class HostName:
    """A host name, taken apart. `host` is normalised (empty when MALFORMED), `port` is what the client wrote behind it."""

    kind: HostKind
    host: str
    port: int | None
    tenant: str | None


_MALFORMED = HostName(HostKind.MALFORMED, "", None, None)


def parse_host(authority: str, server_domain: str) -> HostName:
    """Read `authority`; `server_domain` is in lower case, without dots around it.

    The port comes off first, then one trailing dot: `alice.example.com.:443` is alice's, as every resolver reads it.
    """
    # Longer ones are no names, and must not fill the memory.
    read = _remembered if len(authority) <= _LONGEST_AUTHORITY else _read
    return read(authority, server_domain)


def _read(authority: str, server_domain: str) -> HostName:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        return _MALFORMED
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 1 <= port <= _HIGHEST_PORT:
        return _MALFORMED
    if match["host"].startswith("["):
        return _literal(match["host"], port)
    host = _normalise(match["host"])
    return _MALFORMED if host is None else _name(host, port, server_domain)


_remembered = lru_cache(4096)(_read)


def _literal(host: str, port: int | None) -> HostName:
    """An IPv6 address in brackets (RFC 3986 3.2.2); a zone means nothing to anybody but its sender."""
    try:
        address = ipaddress.IPv6Address(host[1:-1])
    except ValueError:
        return _MALFORMED
    if address.scope_id is not None:
        return _MALFORMED
    return HostName(HostKind.FOREIGN, f"[{address}]", port, None)


def _normalise(text: str) -> str | None:
    """Lower case, A-labels, one trailing dot off; None for what is no host name."""
    if len(text) > _LONGEST_NAME + 1:
        return None  # before IDNA, whose work grows faster than its input (CVE-2024-3651)
    if not text.isascii():
        try:
            text = idna.encode(text, uts46=True).decode("ascii")
        except idna.IDNAError:
            return None
    host = text.lower().removesuffix(".")
    return host if len(host) <= _LONGEST_NAME and _NAME.fullmatch(host) else None


def _name(host: str, port: int | None, server_domain: str) -> HostName:
    if host == server_domain:
        return HostName(HostKind.APEX, host, port, None)
    below, suffix, rest = host.rpartition("." + server_domain)
    if not suffix or rest:
        return HostName(HostKind.FOREIGN, host, port, None)
    # the last label before the domain; in it, what follows the last dash: app-alice is app `app` of alice
    tenant = below.rpartition(".")[2].rpartition("-")[2]
    if "_" in below or not TENANT.fullmatch(tenant):
        return _MALFORMED
    if tenant in _RESERVED:
        return HostName(HostKind.APEX, host, port, None)
    return HostName(HostKind.TENANT, host, port, tenant)
