"""How many exchanges, how they ended, how long they took.

This runs thousands of times a second: children of labels are kept, for `labels()` costs more than the counting.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from mesh_gateway.observe.exchange import Exchange
from mesh_gateway.observe.labels import method_label, served_by_label, source_label, status_label
from mesh_gateway.routing.verdicts import Failure

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_TUNNEL_SECONDS = (1, 10, 60, 300, 1800, 3600, 14400, 86400)


class _Children[T: MetricWrapperBase](dict[tuple[str, ...], T]):
    """Label values -> the child of `parent`, made at its first use. The values come from `labels.py`, so it is bounded."""

    def __init__(self, parent: T) -> None:
        super().__init__()
        self._parent = parent

    def __missing__(self, values: tuple[str, ...]) -> T:
        child = self[values] = self._parent.labels(*values)
        return child


class ExchangeMetrics:
    """The metrics of requests and their answers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def durations(name: str, text: str, buckets: tuple[float, ...] = _SECONDS) -> _Children[Histogram]:
            return _Children(Histogram(name, text, ["source"], registry=registry, buckets=buckets))

        self._in_flight = Gauge("gateway_exchanges_in_flight", "Requests not yet finished.", registry=registry)
        self._requests = _Children(counter("gateway_requests", "Finished requests.", "method", "status", "source"))
        failures = counter("gateway_failures", "Requests that no upstream answered, by code.", "code")
        self._failures = {failure: failures.labels(failure.value) for failure in Failure}
        self._attempts = _Children(counter("gateway_route_attempts", "Routes tried.", "source", "outcome"))
        self._failovers = counter("gateway_failovers", "Requests served after another route had failed.")
        self._received = counter("gateway_request_body_bytes", "Body bytes from clients.")
        self._sent = counter("gateway_response_body_bytes", "Body bytes to clients.")
        self._duration = durations("gateway_request_duration_seconds", "From start to end, without tunnels.")
        self._first_byte = durations("gateway_first_byte_seconds", "From start to the answer's head.")
        self._connect = durations(
            "gateway_connect_seconds", "From known routes to a connection, failed tries included."
        )
        self._tunnel = durations("gateway_tunnel_duration_seconds", "The same for upgraded requests.", _TUNNEL_SECONDS)

    def began(self) -> None:
        self._in_flight.inc()

    def ended(self, exchange: Exchange) -> None:
        self._in_flight.dec()
        source = served_by_label(exchange)
        self._count(exchange, source)
        self._measure(exchange, source)

    def _count(self, exchange: Exchange, source: str) -> None:
        self._requests[method_label(exchange.method), status_label(exchange.status), source].inc()
        if exchange.failure:
            self._failures[exchange.failure].inc()
        for attempt in exchange.attempts:
            self._attempts[source_label(attempt.source), "failed" if attempt.error else "connected"].inc()
        if exchange.served_by and exchange.tries > 1:
            self._failovers.inc()
        if exchange.bytes_received:
            self._received.inc(exchange.bytes_received)
        if exchange.bytes_sent:
            self._sent.inc(exchange.bytes_sent)

    def _measure(self, exchange: Exchange, source: str) -> None:
        start = exchange.started
        if exchange.connected is not None:
            asked = start if exchange.resolved is None else exchange.resolved
            self._connect[source,].observe(exchange.connected - asked)
        if exchange.first_byte is not None:
            self._first_byte[source,].observe(exchange.first_byte - start)
        if exchange.ended is not None:
            whole = self._tunnel if exchange.upgrade else self._duration
            whole[source,].observe(exchange.ended - start)
