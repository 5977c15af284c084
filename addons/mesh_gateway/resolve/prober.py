"""Are the routes that ask for a health check healthy, before a request finds out?

Only tenants in use are checked, at most `CHECKS_AT_A_TIME` at once and `CHECKS_PER_ROUND` a round, so the work is
bounded however many tenants there are. (CONTRACT part 3: `HEAD path`, 2 s, healthy on 2xx)
"""

import asyncio
import re
import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import batched
from random import Random

from mesh_gateway.routing.routes import Route, RouteSet, Scheme
from mesh_gateway.tasks import Tasks

CHECKS_AT_A_TIME = 32
CHECKS_PER_ROUND = 512
_CHECK_SECONDS = 2.0
_ROUNDS_IN_USE = 2
_HEALTHY = re.compile(rb"HTTP/1\.[01] 2[0-9][0-9][ \r]")

Report = Callable[[str, Route, bool], None]
"""Takes tenant, route, and whether it is healthy."""


@dataclass(frozen=True, slots=True)
class Check:
    """One route of one tenant, and what to ask it."""

    tenant: str
    route: Route
    path: str
    host: str


class Prober:
    """`in_use` gives the routes asked for since a moment of `clock`; `tls` gives the context to verify with, if any."""

    def __init__(
        self,
        in_use: Callable[[float], Iterable[RouteSet]],
        report: Report,
        *,
        interval: float,
        server_domain: str,
        tls: Callable[[], ssl.SSLContext | None],
        clock: Callable[[], float],
        random: Random,
    ) -> None:
        self._in_use = in_use
        self._report = report
        self._interval = interval
        self._server_domain = server_domain
        self._tls = tls
        self._clock = clock
        self._random = random
        self._tasks = Tasks()

    async def start(self) -> None:
        """Begin to check, unless the interval is 0."""
        if self._interval > 0:
            self._tasks.start(self._rounds(), name="check the health of routes")

    async def close(self) -> None:
        await self._tasks.close()

    async def round(self) -> None:
        """Check the routes of the tenants in use once. A round too large is made smaller at random, so all get a turn."""
        since = self._clock() - _ROUNDS_IN_USE * self._interval
        checks = [check for routes in self._in_use(since) for check in self._checks(routes)]
        if len(checks) > CHECKS_PER_ROUND:
            checks = self._random.sample(checks, CHECKS_PER_ROUND)
        context = self._tls()
        for batch in batched(checks, CHECKS_AT_A_TIME):
            await asyncio.gather(*(self._check(check, context) for check in batch))

    def _checks(self, routes: RouteSet) -> Iterator[Check]:
        for route in routes.routes:
            if asked := route.health_check:
                host = asked.host or f"{routes.tenant}.{self._server_domain}"
                yield Check(routes.tenant, route, asked.path, host)

    async def _check(self, check: Check, context: ssl.SSLContext | None) -> None:
        """Without a context for https nothing can be said: the route is then neither healthy nor not."""
        if check.route.scheme is Scheme.HTTPS and context is None:
            return
        self._report(check.tenant, check.route, await is_healthy(check, context))

    async def _rounds(self) -> None:
        while True:
            await asyncio.sleep(self._interval * self._random.uniform(0.9, 1.1))
            await self.round()


async def is_healthy(check: Check, context: ssl.SSLContext | None) -> bool:
    """Whether the route answers with 2xx in time. A certificate that does not verify for the host is no answer."""
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return bool(_HEALTHY.match(await _status_line(check, context)))
    except (
        OSError,
        asyncio.IncompleteReadError,
        asyncio.LimitOverrunError,
    ):  # TimeoutError and ssl.SSLError are OSErrors
        return False


async def _status_line(check: Check, context: ssl.SSLContext | None) -> bytes:
    route, is_tls = check.route, check.route.scheme is Scheme.HTTPS
    reader, writer = await asyncio.open_connection(
        route.ip,
        route.port,
        limit=4096,
        ssl=context if is_tls else None,
        server_hostname=check.host if is_tls else None,
    )
    try:
        writer.write(f"HEAD {check.path} HTTP/1.1\r\nHost: {check.host}\r\nConnection: close\r\n\r\n".encode())
        return await reader.readuntil(b"\n")
    finally:
        writer.transport.abort()  # the rest of the answer is not wanted
