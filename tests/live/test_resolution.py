"""Laws of how a tenant's routes are found (CONTRACT part 3), on live gateways."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.rig import api as answers
from tests.rig.api import Api, Said, known, route, said
from tests.rig.certificates import Authority
from tests.rig.origin import Origin
from tests.rig.patience import eventually
from tests.rig.ports import dead_port
from tests.rig.world import World, world

BUDGET_SECONDS = 5.0
RECOVERY_SECONDS = 5.0
"""So soon an API that is back must be used again (FAULTS 1)."""
CROWD = 1000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("resolution"), authority) as here:
        yield here


async def served_by(place: World, host: str) -> str:
    answer = await place.ask("GET", host)
    assert answer.status == 200, answer.text
    return str(answer.json["origin"])


async def served_within(place: World, host: str, seconds: float) -> str:
    """Who serves once the gateway believes in the API again; until then only 502 is allowed."""
    end = asyncio.get_running_loop().time() + seconds
    while (answer := await place.ask("GET", host)).status != 200:
        assert answer.code == "RESOLVER_UNAVAILABLE"
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.1)
    return str(answer.json["origin"])


async def line_of(place: World, host: str) -> tuple[str | None, dict[str, Any]]:
    """One request's `code` and its access line."""
    answer = await place.ask("GET", host)
    return answer.code, (await place.gateway.access_lines(answer.one("x-request-id")))[0]


async def test_v2_is_asked_with_accept_json_and_nothing_of_the_client(place: World) -> None:
    host, _ = await place.new_tenant("polite")
    await place.ask("GET", host, "/", ("Cookie", "secret=1"), ("Authorization", "Bearer secret"))
    assert place.api.calls["/resolve/v2/polite"] == 1
    assert b"GET /resolve/v2/polite HTTP/1.1\r\n" in place.api.wire
    assert b"accept: application/json\r\n" in place.api.wire.lower()
    assert b"secret" not in place.api.wire


@pytest.mark.parametrize("path", ["/router/api", "/x"])
async def test_the_apis_url_may_have_a_path(tmp_path: Path, authority: Authority, path: str) -> None:
    async with world(tmp_path, authority, api=Api(path)) as here:
        host, _ = await here.new_tenant("alice")
        assert (await here.ask("GET", host)).status == 200
        assert here.api.calls["/resolve/v2/alice"] == 1


async def test_the_lowest_priority_number_wins_whatever_the_order(place: World) -> None:
    good, bad = await place.origin("good"), await place.origin("bad")
    host = place.tenant("sorted", route(bad.port, priority=2), route(good.port, priority=1))
    assert await served_by(place, host) == "good"


async def test_a_missing_priority_is_999_and_equals_keep_their_order(place: World) -> None:
    one, two = await place.origin("one"), await place.origin("two")
    unranked = {key: value for key, value in route(two.port).items() if key != "priority"}
    assert await served_by(place, place.tenant("unranked", unranked, route(one.port, priority=998))) == "one"
    assert await served_by(place, place.tenant("unrankedtoo", unranked, route(one.port, priority=1000))) == "two"
    assert await served_by(place, place.tenant("equals", route(two.port), route(one.port))) == "two"


async def test_a_tunnel_is_plain_http_whatever_its_scheme_says(place: World) -> None:
    origin = await place.origin("tunnelled")
    host = place.tenant("tunnelled", route(origin.port, source="tunnel", scheme="https"))
    assert await served_by(place, host) == "tunnelled"


async def test_a_missing_scheme_is_https(place: World) -> None:
    origin = await place.origin("schemeless", tls=place.serving("schemeless"))
    host = place.tenant("schemeless", without(route(origin.port), "scheme"))
    assert await served_by(place, host) == "schemeless"


async def test_a_missing_port_is_443(place: World) -> None:
    _, line = await line_of(place, place.tenant("portless", without(route(1), "port")))
    assert [attempt["address"] for attempt in line["attempts"]] == ["127.0.0.1:443"]


@pytest.mark.parametrize("ip", ["::1", "[::1]"])
async def test_an_ipv6_route_is_written_with_or_without_brackets(place: World, ip: str) -> None:
    if not has_ipv6():
        pytest.skip("no IPv6 loopback on this machine")
    async with Origin("six", address="::1") as origin:
        host = place.tenant(f"six{ip.count('[')}", route(origin.port, ip=ip))
        assert await served_by(place, host) == "six"


@pytest.mark.parametrize("ip", ["nonsense", "", "0x7f000001", "127.1", "localhost", "169.254.169.254", "0.0.0.0"])  # noqa: S104 - an address that must not be taken
async def test_an_unusable_address_is_dropped_and_the_others_serve(place: World, ip: str) -> None:
    origin = await place.origin("usable")
    tenant = "unusable" + "".join(filter(str.isalnum, ip))
    host = place.tenant(tenant, route(9, ip=ip), route(origin.port, priority=2))
    code, line = await line_of(place, host)
    assert (code, line["status"], line["tries"]) == (None, 200, 1)


@pytest.mark.parametrize("port", [0, 70000, "x"])
async def test_an_unusable_port_is_dropped_and_the_others_serve(place: World, port: Any) -> None:
    origin = await place.origin("usable")
    broken = {**route(1), "port": port}
    host = place.tenant(f"port{port}".lower(), broken, route(origin.port, priority=2))
    assert await served_by(place, host) == "usable"


async def test_a_route_for_edge_workers_serves_only_when_there_is_nothing_else(place: World) -> None:
    edge, own = await place.origin("edge"), await place.origin("own")
    for_edge = route(edge.port, type="domain", domain="edge.example.net", priority=1)
    assert await served_by(place, place.tenant("mixed", for_edge, route(own.port, priority=9))) == "own"
    assert await served_by(place, place.tenant("edgeonly", for_edge)) == "edge"


async def test_two_routes_to_one_endpoint_are_tried_once(place: World) -> None:
    with dead_port() as dead:
        pair = [route(dead, source="tunnel", scheme=scheme) for scheme in ("http", "https")]
        code, line = await line_of(place, place.tenant("pair", *pair))
    assert (code, line["tries"]) == ("ROUTES_EXHAUSTED", 1)


async def test_an_unknown_tenant_is_404_and_is_asked_for_once(place: World) -> None:
    for _ in range(3):
        answer = await place.ask("GET", "nobody.example.com")
        assert (answer.status, answer.code) == (404, "DOMAIN_NOT_FOUND")
    assert place.api.asked_for("nobody") == 1


@pytest.mark.parametrize("routes", [[], None], ids=["empty", "null"])
async def test_a_tenant_without_routes_is_offline(place: World, routes: list[Mapping[str, Any]] | None) -> None:
    tenant = f"offline{'empty' if routes == [] else 'null'}"
    place.api.tenants[tenant] = known(routes, tenant=tenant, ttl=-2)
    answer = await place.ask("GET", f"{tenant}.example.com")
    assert (answer.status, answer.code) == (404, "NO_ROUTES")
    assert answer.json["lastSeenOnline"] == "2024-01-15T10:30:00Z"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(answers.BARE_404, id="a 404 without JSON"),
        pytest.param(answers.BROKEN, id="500"),
        pytest.param(Said(302, b"", "text/html"), id="a redirect"),
        pytest.param(answers.GARBAGE, id="HTML"),
        pytest.param(Said(200, b'{"routes": [{"ip"'), id="JSON cut short"),
        pytest.param(said([1, 2]), id="JSON that is no object"),
        pytest.param(said({"routes": "many"}), id="routes that are no list"),
        pytest.param(answers.HANGS, id="no answer"),
    ],
)
async def test_an_api_that_gives_no_valid_answer_is_down(
    place: World, answer: Said, request: pytest.FixtureRequest
) -> None:
    tenant = "down" + "".join(filter(str.isalnum, request.node.callspec.id)).lower()
    place.api.tenants[tenant] = place.api.old_tenants[tenant] = answer
    loop = asyncio.get_running_loop()
    start = loop.time()
    got = await place.ask("GET", f"{tenant}.example.com")
    assert (got.status, got.code) == (502, "RESOLVER_UNAVAILABLE")
    assert loop.time() - start < BUDGET_SECONDS + 1


async def test_a_failure_of_the_api_is_not_remembered(place: World) -> None:
    place.api.tenants["again"] = place.api.old_tenants["again"] = answers.BROKEN
    assert (await place.ask("GET", "again.example.com")).status == 502
    host, _ = await place.new_tenant("again")
    assert await served_within(place, host, RECOVERY_SECONDS) == "again"


async def test_a_hiccup_of_the_api_is_not_seen(tmp_path: Path, authority: Authority) -> None:
    async with world(tmp_path, authority) as here:
        origin = await here.origin("alice")
        here.api.tenants["alice"] = answers.BROKEN
        asking = asyncio.gather(here.ask("GET", "alice.example.com"))
        await eventually(lambda: here.api.asked_for("alice"), "the first call")
        here.tenant("alice", origin)
        assert [answer.status for answer in await asking] == [200]


async def test_a_malformed_name_never_reaches_the_api(place: World) -> None:
    before = place.api.asked
    for host in ("al_ice.example.com", "../x.example.com", "a b.example.com", "%2e%2e.example.com"):
        assert (await place.ask("GET", host)).status == 400
    assert place.api.asked == before


async def test_a_thousand_requests_for_one_cold_tenant_make_one_call(place: World) -> None:
    host, origin = await place.new_tenant("crowd")
    place.api.tenants["crowd"] = known([route(origin.port)], tenant="crowd")
    place.api.tenants["crowd"] = Said(200, place.api.tenants["crowd"].body, delay_seconds=1.0)
    async with asyncio.timeout(60):
        async with asyncio.TaskGroup() as group:
            asking = [group.create_task(ask_in_turn(place, host, CROWD // 50)) for _ in range(50)]
    assert sum(task.result() for task in asking) == CROWD
    assert place.api.asked_for("crowd") == 1


async def ask_in_turn(place: World, host: str, count: int) -> int:
    """`count` requests at the same time on one HTTP/2 connection; how many were served."""
    async with place.connect_http2(host) as client:
        streams = [client.begin("GET", host, ended=True) for _ in range(count)]
        return sum([(await client.answer(stream, seconds=50)).status == 200 for stream in streams])


async def test_warm_tenants_outlive_the_api_and_new_ones_wait_for_it(tmp_path: Path, authority: Authority) -> None:
    async with world(tmp_path, authority, CACHE_TTL="1", RESOLVE_BUDGET="1s") as here:
        host, _ = await here.new_tenant("warm")
        cold, _ = await here.new_tenant("cold")
        assert await served_by(here, host) == "warm"
        await here.api.stop()
        await asyncio.sleep(1.5)
        assert [await served_by(here, host) for _ in range(3)] == ["warm"] * 3
        answer = await here.ask("GET", cold)
        assert (answer.status, answer.code) == (502, "RESOLVER_UNAVAILABLE")
        await here.api.start()
        assert await served_within(here, cold, RECOVERY_SECONDS) == "cold"


async def test_an_api_that_lost_its_memory_does_not_take_a_tenant_down(tmp_path: Path, authority: Authority) -> None:
    async with world(tmp_path, authority, CACHE_TTL="1") as here:
        host, _ = await here.new_tenant("alice")
        assert await served_by(here, host) == "alice"
        here.api.tenants["alice"] = known([], ttl=-2)
        await asyncio.sleep(1.5)
        for _ in range(4):
            assert await served_by(here, host) == "alice"
            await asyncio.sleep(0.1)
        assert here.api.asked_for("alice") >= 2


async def test_routes_are_asked_for_anew_when_their_own_time_is_over(place: World) -> None:
    old, new = await place.origin("old"), await place.origin("new")
    host = place.tenant("moving", old, ttl=1)
    assert await served_by(place, host) == "old"
    place.tenant("moving", new)
    await asyncio.sleep(1.5)
    await served_by(place, host)  # the last one that may be stale: it sets off the refresh
    await asyncio.sleep(0.5)
    assert await served_by(place, host) == "new"


async def test_the_first_api_is_asked_where_the_second_is_absent_and_is_remembered(
    tmp_path: Path, authority: Authority
) -> None:
    async with world(tmp_path, authority) as here:
        here.api.default = answers.BARE_404
        hosts = [await old_tenant(here, name) for name in ("ada", "bea")]
        assert [await served_by(here, host) for host in hosts] == ["ada", "bea"]
        assert (here.api.calls["/resolve/v2/ada"], here.api.calls["/resolve/ada"]) == (1, 1)
        assert (here.api.calls["/resolve/v2/bea"], here.api.calls["/resolve/bea"]) == (0, 1)


async def old_tenant(here: World, name: str) -> str:
    """A tenant that only the first API knows: https, as a missing scheme is."""
    origin = await here.origin(name, tls=here.serving(name))
    here.api.old_tenants[name] = said({"hostIp": "127.0.0.1", "targetPort": origin.port})
    return f"{name}.example.com"


def without(row: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != key}


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
