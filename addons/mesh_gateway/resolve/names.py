"""At which addresses does the API live, even while the name server has the hiccups?

The last good addresses are kept, so a look-up that fails or hangs costs nothing once one has worked. One look-up per
name is under way at a time: `getaddrinfo` blocks a thread for as long as it likes.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception

from mesh_gateway.routing.addresses import parse_ip
from mesh_gateway.tasks import Tasks

logger = logging.getLogger(__name__)

LookUp = Callable[[str], Awaitable[list[str]]]
"""A host name's addresses, best first; raises OSError."""

_FRESH_SECONDS = 5.0
_HICCUP_SECONDS = 0.3
"""How long a look-up is waited for when there are addresses to fall back on."""
_NAME_SERVER_SECONDS = 2.0


async def system_look_up(host: str) -> list[str]:
    """A and AAAA by the system's resolver, in its order of preference (RFC 6724)."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def name_server_look_up(server: str, port: int = 53) -> LookUp:
    """A and AAAA from one name server and no other.

    By dnspython, which the certificate program needs anyway: retransmission, TCP after truncation, CNAME chains and
    checks against spoofed answers are more than a page of own code would get right.
    """
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [server]
    resolver.port = port

    async def look_up(host: str) -> list[str]:
        try:
            answers = await resolver.resolve_name(host, lifetime=_NAME_SERVER_SECONDS, search=False)
        except dns.exception.DNSException as error:
            raise OSError(f"{server}: {error}") from error
        return list(answers.addresses())

    return look_up


@dataclass(frozen=True, slots=True)
class _Known:
    addresses: tuple[str, ...]
    fresh_until: float


class Names:
    """The mutable state is the last good addresses and the look-ups under way."""

    def __init__(self, look_up: LookUp, *, clock: Callable[[], float]) -> None:
        self._look_up = look_up
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._tasks = Tasks()

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Where `host` lives or lived last; raises OSError if that was never found out."""
        if literal := parse_ip(host):
            return (literal,)
        known = self._known.get(host)
        if known is None or self._clock() >= known.fresh_until:
            await asyncio.wait({self._asked(host)}, timeout=_HICCUP_SECONDS if known else None)
        if host not in self._known:
            raise OSError(f"no address for {host}")
        return self._known[host].addresses

    async def close(self) -> None:
        await self._tasks.close()

    def _asked(self, host: str) -> asyncio.Task[None]:
        if host in self._asking:
            return self._asking[host]
        asking = self._tasks.start(self._ask(host), name=f"look up {host}")
        self._asking[host] = asking
        asking.add_done_callback(lambda _: self._asking.pop(host, None))
        return asking

    async def _ask(self, host: str) -> None:
        known = self._known.get(host)
        try:
            found = tuple(await self._look_up(host))
        except (OSError, UnicodeError) as error:  # UnicodeError: the idna codec on a label that is too long
            logger.warning("looking up %s failed%s: %s", host, ", keeping its last addresses" if known else "", error)
            found = ()
        if found or known:
            kept = found or (known.addresses if known else ())
            self._known[host] = _Known(kept, self._clock() + _FRESH_SECONDS)
