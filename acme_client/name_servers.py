"""Which name server is asked, and what does that one say to one question?"""

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import Self

import dns.flags
import dns.message
import dns.query

DNS_PORT = 53
_ENDPOINT = re.compile(r"\[(?P<v6>[0-9a-fA-F:.]+)\](:(?P<v6_port>\d{1,5}))?|(?P<host>[^\s:\[\]]+)(:(?P<port>\d{1,5}))?")
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """A server's address or host name, and its port."""

    host: str
    port: int = DNS_PORT

    @classmethod
    def parse(cls, text: str) -> Self:
        """`192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353` or a host name; raises ValueError."""
        if _is_ipv6(text):
            return cls(text)
        found = _ENDPOINT.fullmatch(text)
        if found is None or (found["v6"] and not _is_ipv6(found["v6"])):
            raise ValueError(
                f"{text!r} is no name server: an address or a host name is wanted, and :port where it is not 53"
            )
        port = int(found["v6_port"] or found["port"] or DNS_PORT)
        if not 0 < port <= _MAX_PORT:
            raise ValueError(f"{text!r} has a port out of 1 to {_MAX_PORT}")
        return cls(found["v6"] or found["host"], port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DNS_PORT else f"{host}:{self.port}"

    def addresses(self) -> tuple[str, ...]:
        """The addresses of `host`, by the system's resolver where it is a name; raises OSError."""
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)
        return tuple(dict.fromkeys(str(row[4][0]) for row in found))


def ask(endpoint: Endpoint, name: str, kind: str, *, seconds: float) -> dns.message.Message:
    """What the server at this address knows itself: RD is 0, so it asks nobody else (RFC 1035 4.1.1).

    By UDP, by TCP when the answer is truncated. Raises OSError or DNSException when none comes in `seconds` each.
    """
    question = dns.message.make_query(name, kind, flags=dns.flags.Flag(0), use_edns=0, payload=1232)
    answer, _by_tcp = dns.query.udp_with_fallback(question, endpoint.host, timeout=seconds, port=endpoint.port)
    return answer


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
