"""Laws of the metrics."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mesh_gateway.observe.exchange import Attempt, Exchange
from mesh_gateway.observe.labels import ConnectionRefusal, HandshakeFailure
from mesh_gateway.observe.metrics import Metrics
from mesh_gateway.resolve.observer import CallOutcome, ResolverEvent, ResolverObserver
from mesh_gateway.routing.verdicts import Failure
from tests.observe.exchanges import filled, refused, served

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


class Scrape:
    """A worker's metrics as Prometheus sees them."""

    def __init__(self) -> None:
        self.metrics = Metrics(CollectorRegistry(), {"version": "1.2.3"})

    def finish(self, *exchanges: Exchange) -> None:
        for exchange in exchanges:
            self.metrics.exchange_began()
            self.metrics.exchange_ended(exchange)

    def samples(self) -> dict[str, float]:
        """`name{label="value"}` -> value, the labels in alphabetical order."""
        page = self.metrics.render()[0].decode()
        return {
            sample.name + (f"{{{_labels(sample.labels)}}}" if sample.labels else ""): sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
        }


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))


@pytest.fixture
def scrape() -> Scrape:
    return Scrape()


def test_a_served_exchange_is_counted_and_measured(scrape: Scrape) -> None:
    scrape.finish(served(bytes_received=3, bytes_sent=117))
    got = scrape.samples()
    assert got['gateway_requests_total{method="GET",source="agent",status="2xx"}'] == 1
    assert got['gateway_route_attempts_total{outcome="failed",source="tunnel"}'] == 1
    assert got['gateway_route_attempts_total{outcome="connected",source="agent"}'] == 1
    assert got["gateway_failovers_total"] == 1
    assert got["gateway_request_body_bytes_total"] == 3
    assert got["gateway_response_body_bytes_total"] == 117
    assert got['gateway_request_duration_seconds_sum{source="agent"}'] == pytest.approx(0.25)
    assert got['gateway_first_byte_seconds_sum{source="agent"}'] == pytest.approx(0.1234567)
    assert got['gateway_connect_seconds_sum{source="agent"}'] == pytest.approx(0.05)


def test_a_failure_is_counted_by_its_code_and_takes_part_in_nothing_else(scrape: Scrape) -> None:
    scrape.finish(refused(Failure.NO_ROUTES))
    got = scrape.samples()
    assert got['gateway_failures_total{code="NO_ROUTES"}'] == 1
    assert sum(value for name, value in got.items() if name.startswith("gateway_failures_total")) == 1
    assert got['gateway_requests_total{method="GET",source="none",status="4xx"}'] == 1
    assert got["gateway_failovers_total"] == 0
    assert not any(name.startswith(("gateway_first_byte_seconds_sum", "gateway_connect_seconds_sum")) for name in got)


def test_one_try_is_no_failover(scrape: Scrape) -> None:
    agent = Attempt("agent", "203.0.113.5:443")
    scrape.finish(filled(status=200, attempts=[agent], served_by=agent, connected=1000.02))
    got = scrape.samples()
    assert got["gateway_failovers_total"] == 0
    assert got['gateway_connect_seconds_sum{source="agent"}'] == pytest.approx(0.02)


def test_a_tunnel_is_measured_apart(scrape: Scrape) -> None:
    scrape.finish(served(upgrade="websocket"))
    got = scrape.samples()
    assert got['gateway_tunnel_duration_seconds_count{source="agent"}'] == 1
    assert 'gateway_request_duration_seconds_count{source="agent"}' not in got


def test_each_way_is_counted(scrape: Scrape) -> None:
    scrape.finish(served(via="fast"), served(via="fast"), refused())
    got = scrape.samples()
    assert (got['gateway_path_requests_total{via="fast"}'], got['gateway_path_requests_total{via="flow"}']) == (2, 1)


def test_a_histogram_stands_on_the_page_as_the_client_library_writes_it(scrape: Scrape) -> None:
    """Its text, bounds that an observation hits exactly and observations beyond the last one included."""
    name, registry = "gateway_request_duration_seconds", CollectorRegistry()
    bounds = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
    theirs = Histogram(name, "From start to end, without tunnels.", ["source"], registry=registry, buckets=bounds)
    for seconds in (0.0, 0.25, 0.5, 0.500001, 300.0, 1000.0, *bounds):
        scrape.finish(served(started=0.0, ended=seconds))
        theirs.labels("agent").observe(seconds)
    page = scrape.metrics.render()[0].decode()
    assert [line for line in page.splitlines() if name in line] == generate_latest(registry).decode().splitlines()


def test_a_counter_stands_on_the_page_as_the_client_library_writes_it(scrape: Scrape) -> None:
    name, registry = "gateway_requests", CollectorRegistry()
    theirs = Counter(name, "Finished requests.", ["method", "status", "source"], registry=registry)
    for _ in range(3):
        scrape.finish(served())
        theirs.labels("GET", "2xx", "agent").inc()
    page = scrape.metrics.render()[0].decode()
    assert [line for line in page.splitlines() if name in line] == generate_latest(registry).decode().splitlines()


def test_exchanges_in_flight_rise_and_fall(scrape: Scrape) -> None:
    scrape.metrics.exchange_began()
    scrape.metrics.exchange_began()
    scrape.metrics.exchange_ended(filled(ended=None))
    assert scrape.samples()["gateway_exchanges_in_flight"] == 1


def test_no_stranger_can_make_new_series(scrape: Scrape) -> None:
    scrape.finish(served(), filled(method="BREW", status=999, served_by=Attempt("evil", "x")))
    before = set(scrape.samples())
    for i in range(200):
        odd = Attempt(f"source{i}", f"192.0.2.{i}:1", None)
        scrape.finish(
            filled(
                method=f"BREW{i}", host=f"h{i}.example.com", path=f"/{i}", status=600 + i, served_by=odd,
                attempts=[odd], tenant=f"tenant{i}", connected=1000.1, first_byte=1000.1,
            )
        )  # fmt: skip
    new = {name for name in set(scrape.samples()) - before if "_bucket" not in name}
    assert {name for name in new if "other" not in name} == set()
    assert len(new) <= 5


def test_the_resolver(scrape: Scrape) -> None:
    observer: ResolverObserver = scrape.metrics.resolver
    observer.event(ResolverEvent.HIT)
    observer.event(ResolverEvent.BREAKER_OPEN)
    observer.api_call(CallOutcome.TIMEOUT, 2.0)
    observer.routes_dropped(4)
    scrape.metrics.resolver.watch_cache(lambda: 17)
    got = scrape.samples()
    assert got['gateway_route_lookups_total{state="hit"}'] == 1
    assert got['gateway_resolver_events_total{event="breaker_open"}'] == 1
    assert got['gateway_resolver_call_seconds_sum{outcome="timeout"}'] == 2
    assert got["gateway_routes_dropped_total"] == 4
    assert got["gateway_route_cache_entries"] == 17


@pytest.mark.parametrize("event", ResolverEvent)
def test_every_event_of_the_resolver_is_counted_once(scrape: Scrape, event: ResolverEvent) -> None:
    before = scrape.samples()
    assert sum(name.endswith(f'="{event}"}}') for name in before) == 1, "it is there from the start"
    scrape.metrics.resolver.event(event)
    after = scrape.samples()
    counted = [name for name in before if name.startswith("gateway_") and after[name] != before[name]]
    assert len(counted) == 1
    assert after[counted[0]] == 1


def test_connections(scrape: Scrape) -> None:
    connections = scrape.metrics.connections
    connections.opened()
    connections.opened()
    connections.closed()
    connections.refused(ConnectionRefusal.CAPACITY)
    connections.handshake_failed(HandshakeFailure.UNKNOWN_SNI)
    got = scrape.samples()
    assert got["gateway_connections_open"] == 1
    assert got["gateway_connections_total"] == 2
    assert got['gateway_connections_refused_total{reason="capacity"}'] == 1
    assert got['gateway_tls_handshake_failures_total{reason="unknown_sni"}'] == 1


def test_the_worker_itself(scrape: Scrape) -> None:
    scrape.metrics.watch_private_ca(lambda: 3)
    scrape.metrics.hook_failed("requestheaders")
    scrape.metrics.watch_access_log(lambda: 7)
    got = scrape.samples()
    assert got["gateway_private_ca_generation"] == 3
    assert got['gateway_hook_faults_total{hook="requestheaders"}'] == 1
    assert got["gateway_access_lines_dropped_total"] == 7
    assert got['gateway_build_info{version="1.2.3"}'] == 1
    assert got["process_resident_memory_bytes"] > 0


def test_the_page_names_the_format_that_every_prometheus_reads(scrape: Scrape) -> None:
    assert scrape.metrics.render()[1] == "text/plain; version=0.0.4; charset=utf-8"


def test_two_workers_in_one_process_do_not_share_metrics(scrape: Scrape) -> None:
    scrape.finish(served())
    assert Scrape().samples()["gateway_failovers_total"] == 0


def family_names(scrape: Scrape) -> set[str]:
    page = scrape.metrics.render()[0].decode()
    return set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))


def test_every_metric_is_documented_and_no_other(scrape: Scrape) -> None:
    documented = re.findall(r"^\| `(gateway_\w+)` \|", DOCUMENT.read_text(), re.MULTILINE)
    assert len(documented) == len(set(documented))
    assert set(documented) == {name for name in family_names(scrape) if name.startswith("gateway_")}


def test_all_that_is_not_ours_is_of_the_process(scrape: Scrape) -> None:
    others = {name.partition("_")[0] for name in family_names(scrape)} - {"gateway"}
    assert others == {"process", "python"}
