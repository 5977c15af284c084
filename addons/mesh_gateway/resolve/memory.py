"""What does the resolver remember of tenants, and what does an answer change about it?

Two bounded tables. Names that nobody claimed have their own, so that someone who asks for random names cannot push
out the tenants in use.
"""

import logging
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from cachetools import TLRUCache

from mesh_gateway.resolve.observer import ResolverEvent, ResolverObserver
from mesh_gateway.resolve.packing import pack, unpack
from mesh_gateway.resolve.source import Answer, Found, NotFound
from mesh_gateway.routing.freshness import Freshness, Lifetime, judge
from mesh_gateway.routing.resolution import CacheState, Resolution, Standing
from mesh_gateway.routing.routes import RouteSet
from mesh_gateway.settings import Settings

logger = logging.getLogger(__name__)

_UNPACKED = 8192
"""Tenants whose routes are at hand without unpacking."""


@dataclass(slots=True)
class Entry:
    """A tenant with routes. They are kept packed, and beside that as they are while the tenant is busy."""

    packed: bytes
    life: Lifetime
    last_used: float
    unpacked: RouteSet | None = None

    def read(self) -> RouteSet:
        return self.unpacked or unpack(self.packed)

    def freshness(self, now: float) -> Freshness:
        return judge(self.life, now, in_use=self.last_used > self.life.asked)


@dataclass(frozen=True, slots=True)
class Absence:
    """A name without routes: UNKNOWN or OFFLINE."""

    standing: Standing
    until: float
    routes: RouteSet | None = None


class Memory:
    """No clock of its own: `now` is monotonic seconds."""

    def __init__(self, settings: Settings, observer: ResolverObserver) -> None:
        self._settings = settings
        self._observer = observer
        self._entries: OrderedDict[str, Entry] = OrderedDict()  # the one used last is at the end
        # cachetools wants a clock to call: it gets the `now` that this memory was last asked with.
        self._unpacked: deque[Entry] = deque()
        self._now = 0.0
        self._absences: TLRUCache[str, Absence] = TLRUCache(
            max(1, settings.cache_entries // 10),
            ttu=lambda _, absence, __: absence.until,
            timer=lambda: self._now,
        )

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, tenant: str) -> Entry | None:
        return self._entries.get(tenant)

    def absence(self, tenant: str, now: float) -> Absence | None:
        self._now = now
        return self._absences.get(tenant)

    def use(self, tenant: str, entry: Entry, now: float) -> RouteSet:
        """The routes in `entry`, for somebody who asked for `tenant`."""
        entry.last_used = now
        self._entries.move_to_end(tenant)
        return entry.unpacked or self._unpack(entry, unpack(entry.packed))

    def learn(self, tenant: str, answer: Answer, now: float) -> Resolution:
        """Remember an answer; returns what a request that waited for it gets."""
        self._now = now
        match answer:
            case Found(routes):
                self._report_dropped(tenant, routes)
                return self._learn_routes(tenant, routes, now) if routes.routes else self._hush(tenant, routes, now)
            case NotFound(ttl):
                until = now + _shorter(self._settings.negative_ttl, ttl)
                return self._forget(tenant, Absence(Standing.UNKNOWN, until))
            case _:
                assert_never(answer)

    def last_resort(self, tenant: str, now: float) -> Resolution:
        """What a request gets that nobody could be asked for."""
        entry = self._entries.get(tenant)
        if entry is None or entry.freshness(now) is Freshness.GONE:
            return Resolution(tenant, Standing.UNAVAILABLE, CacheState.MISS)
        return Resolution(tenant, Standing.KNOWN, CacheState.STALE, entry.read())

    def clear(self, tenant: str | None = None) -> None:
        """Forget one tenant, or all."""
        if tenant is None:
            self._entries.clear()
            self._absences.clear()
        else:
            self._entries.pop(tenant, None)
            self._absences.pop(tenant, None)

    def used_last_first(self) -> Iterator[tuple[str, Entry]]:
        return iter(reversed(self._entries.items()))

    def _learn_routes(self, tenant: str, routes: RouteSet, now: float) -> Resolution:
        settings, before = self._settings, self._entries.get(tenant)
        life = Lifetime.of(
            now, cache_ttl=settings.cache_ttl, routes_ttl=routes.ttl_seconds, stale_ttl=settings.stale_ttl
        )
        entry = self._entries[tenant] = Entry(pack(routes), life, before.last_used if before else now)
        self._unpack(entry, routes)
        self._absences.pop(tenant, None)
        if len(self._entries) > settings.cache_entries:
            self._entries.popitem(last=False)
        return Resolution(tenant, Standing.KNOWN, CacheState.MISS, routes)

    def _unpack(self, entry: Entry, routes: RouteSet) -> RouteSet:
        """Keep `routes` at hand, and those no longer that were taken out first."""
        entry.unpacked = routes
        self._unpacked.append(entry)
        if len(self._unpacked) > _UNPACKED:
            self._unpacked.popleft().unpacked = None
        return routes

    def _hush(self, tenant: str, routes: RouteSet, now: float) -> Resolution:
        """The tenant is offline, or the API was restarted and its agents have not called yet."""
        entry, pause = self._entries.get(tenant), self._settings.offline_ttl
        if entry and (life := entry.life.outlives_silence(now, pause=pause)):
            entry.life = life
            self._observer.event(ResolverEvent.ROUTES_KEPT)
            return Resolution(tenant, Standing.KNOWN, CacheState.STALE, entry.read())
        return self._forget(tenant, Absence(Standing.OFFLINE, now + _shorter(pause, routes.ttl_seconds), routes))

    def _forget(self, tenant: str, absence: Absence) -> Resolution:
        self._entries.pop(tenant, None)
        self._absences[tenant] = absence
        return Resolution(tenant, absence.standing, CacheState.MISS, absence.routes)

    def _report_dropped(self, tenant: str, routes: RouteSet) -> None:
        if not routes.dropped:
            return
        self._observer.routes_dropped(len(routes.dropped))
        before = self._entries.get(tenant)
        if before is None or before.read().dropped != routes.dropped:
            logger.warning("routes of %s left out: %s", tenant, "; ".join(routes.dropped[:5]))


def _shorter(setting: float, ttl: float | None) -> float:
    return setting if ttl is None else min(setting, ttl)
