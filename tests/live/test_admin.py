"""Laws of the admin port: it says how the gateway is, and leads to nobody (CONTRACT part 6)."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.rig.answer import Answer
from tests.rig.api import Api, known
from tests.rig.certificates import Authority
from tests.rig.gateway import Gateway
from tests.rig.http1_client import Http1
from tests.rig.origin import Origin
from tests.rig.patience import eventually
from tests.rig.ports import listens
from tests.rig.samples import names, total
from tests.rig.world import World, world

METRICS = {
    "gateway_requests_total",
    "gateway_failures_total",
    "gateway_exchanges_in_flight",
    "gateway_request_duration_seconds_bucket",
    "gateway_first_byte_seconds_count",
    "gateway_connect_seconds_sum",
    "gateway_route_attempts_total",
    "gateway_route_lookups_total",
    "gateway_route_cache_entries",
    "gateway_routes_dropped_total",
    "gateway_resolver_call_seconds_bucket",
    "gateway_resolver_events_total",
    "gateway_connections_open",
    "gateway_connections_total",
    "gateway_connections_refused_total",
    "gateway_tls_handshake_failures_total",
    "gateway_certificate_not_after_timestamp_seconds",
    "gateway_private_ca_generation",
    "gateway_access_lines_dropped_total",
    "gateway_build_info",
    "process_resident_memory_bytes",
    "process_open_fds",
}
"""What dashboards and alerts are made of: a name that goes breaks somebody's."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    landing = Origin("landing")
    async with (
        landing,
        world(tmp_path_factory.mktemp("admin"), authority, DEFAULT_BACKEND=f"http://127.0.0.1:{landing.port}") as here,
    ):
        await here.new_tenant("alice")
        yield here


async def ask_admin(place: World, method: str, host: str, target: str, *fields: tuple[str, str]) -> Answer:
    async with Http1.connect(place.gateway.admin_port) as operator:
        return await operator.ask(method, host, target, *fields)


# Readiness.


@contextlib.asynccontextmanager
async def launched(folder: Path, **settings: str) -> AsyncIterator[Gateway]:
    """A gateway that listens, ready or not."""
    gateway = Gateway(folder, settings)
    await gateway.launch()
    try:
        await eventually(lambda: listens(gateway.admin_port), "the admin port listens")
        yield gateway
    finally:
        await gateway.stop()


async def readiness(gateway: Gateway) -> tuple[int, list[str]]:
    async with Http1.connect(gateway.admin_port) as operator:
        answer = await operator.ask("GET", "admin", "/_ready")
    assert answer.json["ready"] == (answer.status == 200)
    return answer.status, answer.json["reasons"]


async def ready(gateway: Gateway, seconds: float) -> bool:
    """Whether it becomes ready in that time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await readiness(gateway))[0] != 200:  # noqa: ASYNC110 - in another process
                await asyncio.sleep(0.1)
            return True
    return False


async def test_it_is_ready_once_the_api_has_answered_and_stays_so_without_it(tmp_path: Path) -> None:
    api = Api()
    await api.start()
    await api.stop()
    async with Origin() as origin, launched(tmp_path, BACKEND_URL=api.url, RESOLVE_BUDGET="500ms") as gateway:
        api.tenants["alice"] = known([{"ip": "127.0.0.1", "port": origin.port, "scheme": "http"}])
        assert await readiness(gateway) == (503, ["routes cannot be resolved"])
        assert not await ready(gateway, 1.5)
        async with Http1.connect(gateway.port) as client:
            assert (await client.ask("GET", "alice.example.com")).code == "RESOLVER_UNAVAILABLE"
            assert (await client.ask("GET", "alice.example.com", "/_health")).status == 200, "alive is not ready"
            async with api:
                assert await ready(gateway, 8)
                assert (await client.ask("GET", "alice.example.com")).status == 200
            assert (await client.ask("GET", "bob.example.com")).code == "RESOLVER_UNAVAILABLE"
            assert await readiness(gateway) == (200, []), "there are routes to fall back on"
            assert (await client.ask("GET", "alice.example.com")).status == 200


async def test_readiness_is_the_admin_ports_alone(place: World) -> None:
    answer = await place.ask("GET", "alice.example.com", "/_ready")
    assert (answer.json["origin"], answer.json["target"]) == ("alice", "/_ready")


async def test_without_an_admin_port_nothing_listens_there(tmp_path: Path, authority: Authority) -> None:
    gateway = Gateway(tmp_path, {"ADMIN_PORT": "off"})
    await gateway.launch()
    try:
        await eventually(lambda: listens(gateway.port), "the public port listens")
        assert not listens(gateway.admin_port)
        async with Http1.connect(gateway.port) as client:
            assert (await client.ask("GET", "any", "/_health")).json == {"status": "ok"}
    finally:
        await gateway.stop()


# Metrics.


async def test_the_metrics_have_the_names_that_dashboards_use(place: World) -> None:
    assert (await place.ask("GET", "alice.example.com")).status == 200
    assert names(await place.gateway.metrics()) >= METRICS


async def test_no_stranger_makes_a_new_time_series(place: World) -> None:
    async def ask_all(number: int) -> None:
        fields = ("X-Forwarded-For", f"198.51.100.{number}")
        await place.ask("BREW", f"name{number}.example.com", f"/{number}", fields)
        await place.ask("GET", f"name{number}.elsewhere.org", f"/{number}", fields)

    await ask_all(0)
    before = len(await place.gateway.metrics())
    for number in range(1, 20):
        await ask_all(number)
    assert len(await place.gateway.metrics()) <= before + 1


async def test_on_the_public_port_metrics_are_not_for_those_behind_an_edge(place: World) -> None:
    for field in ("X-Forwarded-For", "Forwarded", "CF-Connecting-IP", "Via"):
        answer = await place.ask("GET", "alice.example.com", "/_metrics", (field, "198.51.100.1"))
        assert answer.json["origin"] == "alice", field


async def open_connections(place: World) -> float:
    return total(await place.gateway.metrics(), "gateway_connections_open")


async def test_connections_that_end_well_are_counted_out(place: World) -> None:
    before = await settled(place)
    async with place.connect() as one, place.connect_http2("alice.example.com") as two:
        assert (await one.ask("GET", "alice.example.com")).status == 200
        assert (await two.ask("GET", "alice.example.com")).status == 200
        await until_open(place, before + 2)
    await until_open(place, before)


async def test_connections_that_fail_are_counted_out_too(place: World) -> None:
    before = await settled(place)
    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    for _ in range(3):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with Http1.connect(place.gateway.tls_port, tls=blind, sni="evil.org"):
                pass
    await until_open(place, before)


async def settled(place: World) -> float:
    """How many connections are open once those of earlier tests have gone."""
    counts = [await open_connections(place)]
    while len(counts) < 5 or len(set(counts[-5:])) > 1:
        await asyncio.sleep(0.05)
        counts.append(await open_connections(place))
    return counts[-1]


async def until_open(place: World, count: float) -> None:
    """Returns once so many connections are open."""
    async with asyncio.timeout(3):
        while await open_connections(place) != count:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.05)


# Nobody is reached.


@pytest.mark.parametrize("host", ["alice.example.com", "app-alice.example.com", "example.com", "evil.org", "127.0.0.1"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_no_tenant_and_no_landing_page_is_reached(place: World, method: str, host: str) -> None:
    answer = await ask_admin(place, method, host, "/")
    assert (answer.status, answer.code) == (404, "FOREIGN_HOST")


@pytest.mark.parametrize(
    "target", ["/_healthy", "/_health/x", "/_metrics/", "//_metrics", "/%5fmetrics", "/?/_metrics"]
)
async def test_only_the_very_paths_are_answered(place: World, target: str) -> None:
    assert (await ask_admin(place, "GET", "admin", target)).status == 404


async def test_the_fields_of_a_trusted_peer_open_no_door(place: World) -> None:
    fields = (("X-Mesh-Route-Host", "alice.example.com"), ("X-Forwarded-Host", "alice.example.com"))
    assert (await ask_admin(place, "GET", "admin", "/", *fields)).code == "FOREIGN_HOST"


async def test_no_websocket_is_opened(place: World) -> None:
    upgrade = (("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"))
    key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    assert (await ask_admin(place, "GET", "alice.example.com", "/", *upgrade, key)).code == "FOREIGN_HOST"


async def test_its_own_paths_are_the_same_whoever_is_named(place: World) -> None:
    for host in ("alice.example.com", "admin", "127.0.0.1:1"):
        assert (await ask_admin(place, "GET", host, "/_health")).json == {"status": "ok"}
        head = await ask_admin(place, "HEAD", host, "/_ready")
        assert (head.status, head.tally.size) == (200, 0)
        assert b"gateway_build_info" in (await ask_admin(place, "GET", host, "/_metrics?x=1")).body


async def test_tls_is_not_spoken_there(place: World) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        async with Http1.connect(
            place.gateway.admin_port, tls=place.authority.trusting("http/1.1"), sni="alice.example.com"
        ):
            pass
