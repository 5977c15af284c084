"""Until when do which certificates serve, and how goes it with renewing them?

The label `certificate` holds names out of CERT_DIR, which are the operator's own, and at most a thousand.
"""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from mesh_gateway.observe.renewals import Renewal, Renewals

_MOMENTS = {
    "renew_at": ("gateway_certificate_renewal_due_timestamp_seconds", "When the certificate program renews it."),
    "last_success": ("gateway_certificate_issued_timestamp_seconds", "When the certificate program last obtained it."),
}


class CertificateMetrics(Collector):
    """Reads the latest state at each scrape, so that what is gone leaves no series behind."""

    def __init__(self, registry: CollectorRegistry) -> None:
        reloads = Counter("gateway_certificate_reloads", "Certificates read from disk.", ["result"], registry=registry)
        self._successes, self._failures = reloads.labels("success"), reloads.labels("failure")
        self._not_after: Mapping[str, float] = {}
        self._refused = 0
        self._renewals = Renewals()
        registry.register(self)

    def serving(self, not_after: Mapping[str, float], *, refused: int) -> None:
        """What serves: name -> its end in epoch seconds. `refused`: places whose files cannot serve now."""
        self._not_after, self._refused = not_after, refused

    def reloaded(self, *, successes: int, failures: int) -> None:
        """So many certificates were read, with these results."""
        self._successes.inc(successes)
        self._failures.inc(failures)

    def told(self, renewals: Renewals) -> None:
        """What the certificate program says."""
        self._renewals = renewals

    def collect(self) -> Iterable[Metric]:
        yield _gauge(
            "gateway_certificate_not_after_timestamp_seconds",
            "When a certificate that is served ends.",
            self._not_after.items(),
        )
        refused = "Certificates whose files cannot serve now."
        yield GaugeMetricFamily("gateway_certificates_refused", refused, value=self._refused)
        yield from _of_program(self._renewals)


def _of_program(renewals: Renewals) -> Iterator[Metric]:
    records = renewals.records
    for attribute, (name, text) in _MOMENTS.items():
        moments = ((each.name, getattr(each, attribute)) for each in records)
        yield _gauge(name, text, ((name, moment) for name, moment in moments if moment is not None))
    yield _gauge(
        "gateway_certificate_renewal_failures",
        "Failed renewals in a row.",
        ((each.name, each.failures_in_a_row) for each in records),
    )
    yield _results(records)
    errors = GaugeMetricFamily(
        "gateway_certificate_renewal_error", "1 for the kind of the last failure.", labels=["certificate", "kind"]
    )
    for each in records:
        if each.last_error:
            errors.add_metric([each.name, each.last_error], 1)
    yield errors
    faults = "State files of the certificate program that cannot be read."
    yield GaugeMetricFamily("gateway_certificate_state_faults", faults, value=renewals.faults)


def _results(records: Iterable[Renewal]) -> Metric:
    counts = CounterMetricFamily(
        "gateway_certificate_renewals", "Renewals by result.", labels=["certificate", "result"]
    )
    for each in records:
        counts.add_metric([each.name, "success"], each.successes)
        counts.add_metric([each.name, "failure"], each.failures)
    return counts


def _gauge(name: str, text: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["certificate"])
    for certificate, value in values:
        family.add_metric([certificate], value)
    return family
