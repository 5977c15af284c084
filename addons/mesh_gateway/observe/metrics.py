"""What does Prometheus learn of this worker? (docs/metrics.md)"""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector

from mesh_gateway.observe.certificate_metrics import CertificateMetrics
from mesh_gateway.observe.combined_page import label_worker
from mesh_gateway.observe.connection_metrics import ConnectionMetrics
from mesh_gateway.observe.exchange import Exchange
from mesh_gateway.observe.exchange_metrics import ExchangeMetrics
from mesh_gateway.observe.resolver_metrics import ResolverMetrics


class Metrics:
    """All metrics of one worker on one registry. `build` are the labels of `gateway_build_info`, such as a version."""

    def __init__(self, registry: CollectorRegistry, build: Mapping[str, str] | None = None) -> None:
        # It is a second series beside each counter that nobody asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client 0.26 has no type for it
        self._registry = registry
        self._worker: str | None = None
        self._exchanges = ExchangeMetrics(registry)
        self.connections = ConnectionMetrics(registry)
        self.certificates = CertificateMetrics(registry)
        self.resolver = ResolverMetrics(registry)
        self._hook_faults = Counter("gateway_hook_faults", "Exceptions in hooks.", ["hook"], registry=registry)
        self._private_ca = Gauge(
            "gateway_private_ca_generation", "How often the private CA changed, 0 without one.", registry=registry
        )
        self._access_lines = _AccessLines(registry)
        Info("gateway_build", "What is running.", registry=registry).info(dict(build or {}))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)

    def exchange_began(self) -> None:
        """A request is in flight; exactly one `exchange_ended` follows."""
        self._exchanges.began()

    def exchange_ended(self, exchange: Exchange) -> None:
        """The exchange is over and its record complete."""
        self._exchanges.ended(exchange)

    def watch_private_ca(self, generation: Callable[[], int]) -> None:
        """At each scrape `generation` is asked which one upstream certificates are verified against."""
        self._private_ca.set_function(generation)

    def hook_failed(self, hook: str) -> None:
        """An exception reached the outermost guard of `hook`, which is a name from the code."""
        self._hook_faults.labels(hook).inc()

    def watch_access_log(self, dropped: Callable[[], int]) -> None:
        """At each scrape `dropped` is asked how many lines were lost so far."""
        self._access_lines.dropped = dropped

    def call_worker(self, number: str) -> None:
        """There may be others: from now on each sample says that it is this worker's."""
        self._worker = number

    def page(self) -> str:
        """All samples in the text format 0.0.4, which every Prometheus reads."""
        page = generate_latest(self._registry).decode()
        return page if self._worker is None else label_worker(page, self._worker)

    def render(self) -> tuple[bytes, str]:
        """The page for a scrape and its content type."""
        return self.page().encode(), CONTENT_TYPE_PLAIN_0_0_4


class _AccessLines(Collector):
    """Reads the access log's own count, so that nobody has to carry it over."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.dropped: Callable[[], int] = lambda: 0
        registry.register(self)

    def collect(self) -> Iterable[CounterMetricFamily]:
        yield CounterMetricFamily("gateway_access_lines_dropped", "Access lines lost.", value=self.dropped())
