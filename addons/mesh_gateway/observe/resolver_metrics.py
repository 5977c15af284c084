"""What does the resolver do, and how does the API answer it?"""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from mesh_gateway.resolve.observer import CallOutcome, ResolverEvent

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

# One of these for each request of a tenant; the other events are the resolver's own doing.
_LOOKUPS = frozenset(
    {ResolverEvent.HIT, ResolverEvent.MISS, ResolverEvent.STALE, ResolverEvent.NEGATIVE, ResolverEvent.UNAVAILABLE}
)


class ResolverMetrics(Collector):
    """The metrics of routes: a `ResolverObserver`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        calls = Histogram(
            "gateway_resolver_call_seconds", "Calls of the API.", ["outcome"], registry=registry, buckets=_SECONDS
        )
        self._events = dict.fromkeys(ResolverEvent, 0)
        """Plain numbers, for one of them is counted for each request (see `exchange_metrics.py`)."""
        self._calls = {outcome: calls.labels(outcome.value) for outcome in CallOutcome}
        self._dropped = Counter("gateway_routes_dropped", "Routes of the API that cannot be used.", registry=registry)
        self._entries = Gauge("gateway_route_cache_entries", "Tenants whose routes are remembered.", registry=registry)
        registry.register(self)

    def event(self, event: ResolverEvent) -> None:
        self._events[event] += 1

    def collect(self) -> Iterator[Metric]:
        """What a scrape gets of events."""
        lookups = CounterMetricFamily("gateway_route_lookups", "Look-ups of a tenant's routes.", labels=["state"])
        events = CounterMetricFamily("gateway_resolver_events", "What the resolver did by itself.", labels=["event"])
        for event, count in self._events.items():
            (lookups if event in _LOOKUPS else events).add_metric([event.value], count)
        yield lookups
        yield events

    def api_call(self, outcome: CallOutcome, seconds: float) -> None:
        """One call of the source ended after `seconds`."""
        self._calls[outcome].observe(seconds)

    def routes_dropped(self, count: int) -> None:
        """An answer held `count` routes that cannot be used."""
        self._dropped.inc(count)

    def watch_cache(self, entries: Callable[[], int]) -> None:
        """At each scrape `entries` is asked how many tenants are remembered."""
        self._entries.set_function(entries)
