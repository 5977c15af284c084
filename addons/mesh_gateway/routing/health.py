"""Which routes failed lately?

The mutable state is one ordered table, its end the route that failed last. A route without a row is up.
"""

from collections import OrderedDict
from dataclasses import dataclass

from mesh_gateway.routing.routes import Route, Scheme

SHORTEST_DOWN_SECONDS = 2.0
LONGEST_DOWN_SECONDS = 60.0

# The tenant is part of the key: what strangers make of an address must not mark another tenant's route down.
_Key = tuple[str, Scheme, str, int]


@dataclass(frozen=True, slots=True)
class HealthRow:
    """One route that failed and has not succeeded since."""

    tenant: str
    scheme: Scheme
    ip: str
    port: int
    failures: int
    """Outages in a row, not requests: those that fail together count once."""
    up: bool
    """Whether its down time is over, so that requests try it again."""
    down_seconds: float
    """How much of its down time is left."""


@dataclass(frozen=True, slots=True)
class _Outage:
    failures: int
    down_until: float


class HealthTable:
    """Remembers failed routes, `capacity` of them; the one that failed longest ago makes room. Has no clock of its own."""

    def __init__(self, capacity: int = 20_000) -> None:
        self._capacity = capacity
        self._outages: OrderedDict[_Key, _Outage] = OrderedDict()

    @property
    def is_clean(self) -> bool:
        """Whether nothing is held against any route."""
        return not self._outages

    def is_up(self, tenant: str, route: Route, now: float) -> bool:
        """Whether the route has not failed lately."""
        if not self._outages:  # the usual case, asked for each request
            return True
        outage = self._outages.get(_key(tenant, route))
        return outage is None or outage.down_until <= now

    def failed(self, tenant: str, route: Route, now: float) -> None:
        """A request could not be served by the route: it steps back, twice as long as the last time.

        While it is down a further failure tells nothing new: fifty requests that meet one dead route are one outage.
        """
        if self.is_up(tenant, route, now):
            self._step_back(_key(tenant, route), now)

    def succeeded(self, tenant: str, route: Route) -> None:
        """The route served a request: what was held against it is forgotten."""
        if self._outages:
            self._outages.pop(_key(tenant, route), None)

    def probed(self, tenant: str, route: Route, *, healthy: bool, now: float) -> None:
        """The route's own health check was made. Checks are one at a time, so each bad one counts, down or not."""
        if healthy:
            self.succeeded(tenant, route)
        else:
            self._step_back(_key(tenant, route), now)

    def rows(self, now: float) -> tuple[HealthRow, ...]:
        """What an operator sees: the route that failed last comes first."""
        return tuple(
            HealthRow(*key, outage.failures, outage.down_until <= now, max(0.0, outage.down_until - now))
            for key, outage in reversed(self._outages.items())
        )

    def _step_back(self, key: _Key, now: float) -> None:
        last = self._outages.get(key)
        failures = last.failures + 1 if last else 1
        self._outages[key] = _Outage(failures, now + down_seconds(failures))
        self._outages.move_to_end(key)
        if len(self._outages) > self._capacity:
            self._outages.popitem(last=False)


def down_seconds(failures: int) -> float:
    """How long a route steps back after so many failures in a row: 2, 4, 8 ... 60 seconds."""
    # The exponent is capped first: 2.0**1024 is an OverflowError.
    return min(LONGEST_DOWN_SECONDS, SHORTEST_DOWN_SECONDS * 2.0 ** min(failures - 1, 10))


def _key(tenant: str, route: Route) -> _Key:
    return (tenant, route.scheme, route.ip, route.port)
