"""How many exchanges, how they ended, how long they took.

This runs thousands of times a second, and prometheus_client's own counters and histograms, which lock for threads that
are not here, cost more than all else that a record goes through. So these are plain numbers, made into metrics when
somebody asks for them.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from mesh_gateway.observe.exchange import Exchange
from mesh_gateway.observe.labels import method_label, served_by_label, source_label, status_label
from mesh_gateway.routing.verdicts import Failure

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_TUNNEL_SECONDS = (1, 10, 60, 300, 1800, 3600, 14400, 86400)


class _Durations:
    """One histogram: for each label value, how many observations fell between which bounds, and their sum."""

    __slots__ = ("_bounds", "_counts", "_sums")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, label: str, seconds: float) -> None:
        counts = self._counts.get(label)
        if counts is None:
            counts = self._counts[label] = [0] * (len(self._bounds) + 1)
            self._sums[label] = 0.0
        counts[bisect_left(self._bounds, seconds)] += 1
        self._sums[label] += seconds

    def family(self, name: str, text: str) -> HistogramMetricFamily:
        """The histogram as it is exposed: each bucket holds those below it too."""
        family = HistogramMetricFamily(name, text, labels=["source"])
        for label, counts in self._counts.items():
            total, buckets = 0, []
            for bound, count in zip((*self._bounds, float("inf")), counts, strict=True):
                total += count
                buckets.append((_bound_text(bound), float(total)))
            family.add_metric([label], buckets, self._sums[label])
        return family


@dataclass(slots=True)
class _Counts:
    """The plain numbers. The labels come from `labels.py`, so the tables are bounded."""

    in_flight: int = 0
    requests: Counter[tuple[str, ...]] = field(default_factory=Counter)
    paths: Counter[str] = field(default_factory=Counter)
    failures: Counter[Failure] = field(default_factory=Counter)
    attempts: Counter[tuple[str, ...]] = field(default_factory=Counter)
    failovers: int = 0
    received: int = 0
    sent: int = 0


class ExchangeMetrics(Collector):
    """The metrics of requests and their answers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counts = _Counts()
        self._duration = _Durations(_SECONDS)
        self._first_byte = _Durations(_SECONDS)
        self._connect = _Durations(_SECONDS)
        self._tunnel = _Durations(_TUNNEL_SECONDS)
        registry.register(self)

    def began(self) -> None:
        self._counts.in_flight += 1

    def ended(self, exchange: Exchange) -> None:
        self._counts.in_flight -= 1
        source = served_by_label(exchange)
        self._count(exchange, source)
        self._measure(exchange, source)

    def _count(self, exchange: Exchange, source: str) -> None:
        counts = self._counts
        counts.requests[method_label(exchange.method), status_label(exchange.status), source] += 1
        counts.paths[exchange.via] += 1
        if exchange.failure:
            counts.failures[exchange.failure] += 1
        for attempt in exchange.attempts:
            counts.attempts[source_label(attempt.source), "failed" if attempt.error else "connected"] += 1
        if exchange.served_by and len(exchange.attempts) > 1:
            counts.failovers += 1
        counts.received += exchange.bytes_received
        counts.sent += exchange.bytes_sent

    def _measure(self, exchange: Exchange, source: str) -> None:
        start = exchange.started
        if exchange.connected is not None:
            asked = start if exchange.resolved is None else exchange.resolved
            self._connect.observe(source, exchange.connected - asked)
        if exchange.first_byte is not None:
            self._first_byte.observe(source, exchange.first_byte - start)
        if exchange.ended is not None:
            whole = self._tunnel if exchange.upgrade else self._duration
            whole.observe(source, exchange.ended - start)

    def collect(self) -> Iterator[Metric]:
        """What a scrape gets."""
        counts = self._counts
        yield GaugeMetricFamily("gateway_exchanges_in_flight", "Requests not yet finished.", counts.in_flight)
        yield _counter("gateway_requests", "Finished requests.", ("method", "status", "source"), counts.requests)
        yield _counter("gateway_path_requests", "The same by the way they took.", ("via",), _single(counts.paths))
        failures: Mapping[tuple[str, ...], int] = {(code.value,): counts.failures[code] for code in Failure}
        yield _counter("gateway_failures", "Requests that no upstream answered, by code.", ("code",), failures)
        yield _counter("gateway_route_attempts", "Routes tried.", ("source", "outcome"), counts.attempts)
        text = "Requests served after another route had failed."
        yield CounterMetricFamily("gateway_failovers", text, counts.failovers)
        yield CounterMetricFamily("gateway_request_body_bytes", "Body bytes from clients.", counts.received)
        yield CounterMetricFamily("gateway_response_body_bytes", "Body bytes to clients.", counts.sent)
        yield from self._durations()

    def _durations(self) -> Iterator[Metric]:
        text = "From start to end, without tunnels."
        yield self._duration.family("gateway_request_duration_seconds", text)
        yield self._first_byte.family("gateway_first_byte_seconds", "From start to the answer's head.")
        text = "From known routes to a connection, failed tries included."
        yield self._connect.family("gateway_connect_seconds", text)
        yield self._tunnel.family("gateway_tunnel_duration_seconds", "The same for upgraded requests.")


def _bound_text(seconds: float) -> str:
    """As prometheus_client spells it."""
    return "+Inf" if seconds == float("inf") else repr(float(seconds))


def _counter(
    name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], int]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _single(values: Mapping[str, int]) -> dict[tuple[str, ...], int]:
    return {(key,): value for key, value in values.items()}
