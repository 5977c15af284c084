"""Where does a tenant live, asked as seldom as possible and answered whenever possible?

    peek      cache alone: fresh, about to end, stale (both start a look-up beside), known to be absent -> Resolution
              None: someone must wait
    resolve   join the tenant's flight, or start it: one call for any number of callers
    flight    ask the source -> remember the answer; source down -> stale routes, else UNAVAILABLE

Two things differ from an ordinary cache. Routes past their own end are served at once only while the API is down,
because by then they may belong to somebody else. And an answer without routes does not end good ones before their time.
"""

import asyncio
from collections.abc import Callable, Iterator
from itertools import takewhile
from random import Random
from typing import assert_never

from mesh_gateway.resolve.inquiry import Inquiry
from mesh_gateway.resolve.memory import Entry, Memory
from mesh_gateway.resolve.observer import ResolverEvent, ResolverObserver, Unobserved
from mesh_gateway.resolve.source import Source, SourceUnavailable
from mesh_gateway.routing.freshness import Freshness
from mesh_gateway.routing.hostname import TENANT
from mesh_gateway.routing.resolution import CacheState, Resolution, Standing
from mesh_gateway.routing.routes import RouteSet
from mesh_gateway.settings import Settings
from mesh_gateway.tasks import Tasks

_REFRESHES_AT_A_TIME = 16
"""A quarter of the calls: who waits for an answer comes before who has one."""
_WATCH_SECONDS = 1.0

_EVENTS = {
    CacheState.MISS: ResolverEvent.MISS,
    CacheState.STALE: ResolverEvent.STALE,
}


class Resolver:
    """The mutable state is the memory, the flights, and what the inquiry knows of the API."""

    def __init__(
        self,
        source: Source,
        settings: Settings,
        *,
        clock: Callable[[], float],
        random: Random,
        observer: ResolverObserver | None = None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._observer = observer or Unobserved()
        self._memory = Memory(settings, self._observer)
        self._inquiry = Inquiry(source, settings.resolve_budget, clock=clock, random=random, observer=self._observer)
        self._flights: dict[str, asyncio.Task[Resolution]] = {}
        self._refreshes = 0
        self._tasks = Tasks()

    @property
    def ready(self) -> bool:
        """Whether requests can be served: the source answered its last call, or there are routes to fall back on."""
        return self._inquiry.answering or len(self._memory) > 0

    @property
    def cached(self) -> int:
        """How many tenants' routes are at hand."""
        return len(self._memory)

    async def start(self) -> None:
        """Begin to watch the source; `ready` follows. Does not wait for its first answer."""
        self._tasks.start(self._watch(), name="watch the source of routes")

    async def close(self) -> None:
        """End all that runs; those who still wait are answered UNAVAILABLE."""
        await self._tasks.close()
        await self._source.close()

    def peek(self, tenant: str) -> Resolution | None:
        """The answer at hand; None when it takes `resolve`."""
        now = self._clock()
        if entry := self._memory.entry(tenant):
            return self._peek_routes(tenant, entry, now)
        if not TENANT.fullmatch(tenant):
            return Resolution(tenant, Standing.UNKNOWN, CacheState.NONE)
        if absence := self._memory.absence(tenant, now):
            self._observer.event(ResolverEvent.NEGATIVE)
            return Resolution(tenant, absence.standing, CacheState.NEGATIVE, absence.routes)
        if self._inquiry.is_refused and tenant not in self._flights:
            return self._counted(self._memory.last_resort(tenant, now))
        return None

    async def resolve(self, tenant: str) -> Resolution:
        """The answer, waited for if need be. Who gives up waiting does not disturb the others."""
        if at_hand := self.peek(tenant):
            return at_hand
        flight = self._flights.get(tenant) or self._take_off(tenant)
        # `wait` leaves the flight alone when its caller is cancelled, and does not raise what ended the flight.
        await asyncio.wait({flight})
        if flight.cancelled():
            return self._counted(self._memory.last_resort(tenant, self._clock()))
        return self._counted(flight.result())

    def clear(self, tenant: str | None = None) -> None:
        """Forget one tenant, or all."""
        self._memory.clear(tenant)

    def entries(self) -> Iterator[tuple[str, float, RouteSet]]:
        """Tenant, seconds since the API last said so, and routes; the one used last comes first."""
        now = self._clock()
        for tenant, entry in list(self._memory.used_last_first()):
            yield tenant, now - entry.life.asked, entry.read()

    def used_since(self, moment: float) -> list[RouteSet]:
        """The routes of the tenants that were asked for since `moment` of the clock."""
        used = takewhile(lambda named: named[1].last_used >= moment, self._memory.used_last_first())
        return [entry.read() for _, entry in used]

    def _peek_routes(self, tenant: str, entry: Entry, now: float) -> Resolution | None:
        freshness = entry.freshness(now)
        routes = self._memory.use(tenant, entry, now)
        match freshness:
            case Freshness.FRESH | Freshness.DUE:
                if freshness is Freshness.DUE:
                    self._refresh(tenant)
                self._observer.event(ResolverEvent.HIT)
                return Resolution(tenant, Standing.KNOWN, CacheState.HIT, routes)
            case Freshness.AGED | Freshness.GONE if self._inquiry.answering:
                return None
            case Freshness.STALE | Freshness.AGED:
                self._refresh(tenant)
                self._observer.event(ResolverEvent.STALE)
                return Resolution(tenant, Standing.KNOWN, CacheState.STALE, routes)
            case Freshness.GONE:
                return self._counted(self._memory.last_resort(tenant, now)) if self._inquiry.is_refused else None
            case _:
                assert_never(freshness)

    def _refresh(self, tenant: str) -> None:
        if tenant in self._flights or self._refreshes >= _REFRESHES_AT_A_TIME or self._inquiry.is_refused:
            return
        self._refreshes += 1
        self._observer.event(ResolverEvent.REFRESH)
        self._take_off(tenant).add_done_callback(self._refreshed)

    def _refreshed(self, _: asyncio.Task[Resolution]) -> None:
        self._refreshes -= 1

    def _take_off(self, tenant: str) -> asyncio.Task[Resolution]:
        flight = self._tasks.start(self._fly(tenant), name=f"resolve {tenant}")
        self._flights[tenant] = flight
        flight.add_done_callback(lambda _: self._flights.pop(tenant, None))
        return flight

    async def _fly(self, tenant: str) -> Resolution:
        try:
            answer = await self._inquiry.ask(tenant)
        except SourceUnavailable:
            return self._memory.last_resort(tenant, self._clock())
        return self._memory.learn(tenant, answer, self._clock())

    async def _watch(self) -> None:
        """While the source does not answer, ask it: without requests nobody else would notice that it is back."""
        while True:
            if not self._inquiry.answering:
                await self._inquiry.probe()
            await asyncio.sleep(_WATCH_SECONDS)

    def _counted(self, resolution: Resolution) -> Resolution:
        is_down = resolution.standing is Standing.UNAVAILABLE
        self._observer.event(ResolverEvent.UNAVAILABLE if is_down else _EVENTS[resolution.cache])
        return resolution
