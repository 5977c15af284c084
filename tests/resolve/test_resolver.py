"""The laws of the resolver, against a real API on loopback that is killed, slowed and made to talk nonsense."""

import asyncio
import json
import time
from typing import Any

import pytest

from mesh_gateway.resolve.inquiry import CALLS_AT_A_TIME
from mesh_gateway.resolve.observer import CallOutcome, ResolverEvent
from mesh_gateway.routing.resolution import CacheState, Resolution, Standing
from tests.resolve.stand_ins import Behaviour, World, always, hang, response, routes_of, trickle, world

OLD, NEW = "203.0.113.1", "203.0.113.2"


def what(resolution: Resolution | None) -> tuple[Standing, CacheState, str | None]:
    """The parts of a resolution that the laws speak of."""
    assert resolution
    routes = resolution.routes.routes if resolution.routes else ()
    return resolution.standing, resolution.cache, routes[0].ip if routes else None


async def settle(it: World) -> None:
    """Let the flights under way land."""
    while it.resolver._flights:
        await asyncio.wait(set(it.resolver._flights.values()))
        await asyncio.sleep(0)


async def warm(it: World, tenant: str = "alice", **members: Any) -> None:
    it.api.tenants[tenant] = routes_of(OLD, **members)
    assert what(await it.resolver.resolve(tenant)) == (Standing.KNOWN, CacheState.MISS, OLD)


async def test_a_cold_tenant_is_asked_for_once_and_then_known() -> None:
    async with world() as it:
        assert it.resolver.peek("alice") is None
        await warm(it)
        assert what(it.resolver.peek("alice")) == (Standing.KNOWN, CacheState.HIT, OLD)
        assert it.api.calls == ["/resolve/v2/alice"]


@pytest.mark.parametrize(
    ("tenant", "standing"), [("alice", Standing.KNOWN), ("nobody", Standing.UNKNOWN)], ids=["cold", "unknown"]
)
async def test_a_thousand_callers_are_one_call(tenant: str, standing: Standing) -> None:
    async with world() as it:
        it.api.tenants["alice"] = routes_of(OLD)
        answers = await asyncio.gather(*(it.resolver.resolve(tenant) for _ in range(1000)))
        assert {answer.standing for answer in answers} == {standing}
        assert len(it.api.calls) == 1


async def test_a_loop_that_starts_tasks_at_once_changes_nothing() -> None:
    """mitmproxy sets asyncio's eager task factory, by which a task may have ended before it is returned."""
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    async with world() as it:
        it.api.tenants["alice"] = routes_of(OLD)
        answers = await asyncio.gather(*(it.resolver.resolve("alice") for _ in range(100)))
        assert {what(answer) for answer in answers} == {(Standing.KNOWN, CacheState.MISS, OLD)}
        assert len(it.api.calls) == 1
        it.clock.pass_by(61)
        assert what(it.resolver.peek("alice")) == (Standing.KNOWN, CacheState.STALE, OLD)
        await settle(it)
        assert what(it.resolver.peek("alice")) == (Standing.KNOWN, CacheState.HIT, OLD)


async def test_a_caller_who_leaves_does_not_end_the_flight_of_the_others() -> None:
    async with world() as it:
        it.api.tenants["alice"] = routes_of(OLD)
        first, second = (asyncio.get_running_loop().create_task(it.resolver.resolve("alice")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert what(await second) == (Standing.KNOWN, CacheState.MISS, OLD)
        assert first.cancelled()
        assert len(it.api.calls) == 1


@pytest.mark.parametrize("tenant", ["", "al_ice", "../x", "ALICE", "a" * 64, "a.b", "a\n"])
async def test_a_bad_name_never_reaches_the_api(tenant: str) -> None:
    async with world() as it:
        assert (await it.resolver.resolve(tenant)).standing is Standing.UNKNOWN
        assert it.api.calls == []


async def test_an_unknown_name_is_remembered_for_a_while() -> None:
    async with world(negative_ttl="30") as it:
        assert what(await it.resolver.resolve("nobody")) == (Standing.UNKNOWN, CacheState.MISS, None)
        it.clock.pass_by(29)
        assert what(it.resolver.peek("nobody")) == (Standing.UNKNOWN, CacheState.NEGATIVE, None)
        it.clock.pass_by(2)
        assert it.resolver.peek("nobody") is None


async def test_an_offline_tenant_is_remembered_briefly_with_when_it_was_seen() -> None:
    async with world(offline_ttl="10") as it:
        it.api.tenants["alice"] = {"routes": None, "routesTtl": -2, "lastSeenOnline": "yesterday"}
        assert (await it.resolver.resolve("alice")).standing is Standing.OFFLINE
        it.clock.pass_by(9)
        at_hand = it.resolver.peek("alice")
        assert what(at_hand) == (Standing.OFFLINE, CacheState.NEGATIVE, None)
        assert at_hand
        assert at_hand.routes
        assert at_hand.routes.last_seen_online == "yesterday"
        it.clock.pass_by(2)
        assert it.resolver.peek("alice") is None


async def test_a_tenant_in_use_is_refreshed_before_its_answer_ends() -> None:
    async with world() as it:
        await warm(it)
        it.api.tenants["alice"] = routes_of(NEW)
        it.clock.pass_by(10)
        it.resolver.peek("alice")
        it.clock.pass_by(40)
        assert what(it.resolver.peek("alice")) == (Standing.KNOWN, CacheState.HIT, OLD)
        await settle(it)
        assert what(it.resolver.peek("alice")) == (Standing.KNOWN, CacheState.HIT, NEW)
        assert it.tally.events[ResolverEvent.REFRESH] == 1


async def test_a_stale_answer_is_served_at_once_and_renewed_beside() -> None:
    async with world() as it:
        await warm(it)
        it.api.tenants["alice"] = routes_of(NEW)
        it.clock.pass_by(61)
        for _ in range(100):
            assert what(it.resolver.peek("alice")) == (Standing.KNOWN, CacheState.STALE, OLD)
        await settle(it)
        assert what(it.resolver.peek("alice")) == (Standing.KNOWN, CacheState.HIT, NEW)
        assert len(it.api.calls) == 2


async def test_routes_past_their_own_end_are_asked_for_while_the_api_answers() -> None:
    async with world() as it:
        await warm(it, ttl=580)
        it.api.tenants["alice"] = routes_of(NEW)
        it.clock.pass_by(3600)
        assert it.resolver.peek("alice") is None
        assert what(await it.resolver.resolve("alice")) == (Standing.KNOWN, CacheState.MISS, NEW)


async def test_api_killed_warm_tenants_are_served_stale_and_it_is_noticed_when_it_is_back() -> None:
    async with world() as it:
        await warm(it)
        await it.api.stop()
        it.clock.pass_by(61)
        for _ in range(30):
            assert what(await it.resolver.resolve("alice")) == (Standing.KNOWN, CacheState.STALE, OLD)
            await settle(it)
        it.clock.pass_by(3600)
        assert what(await it.resolver.resolve("alice")) == (Standing.KNOWN, CacheState.STALE, OLD)
        await settle(it)
        await it.api.start()
        it.clock.pass_by(5)
        it.resolver.peek("alice")
        await settle(it)
        assert what(it.resolver.peek("alice")) == (Standing.KNOWN, CacheState.HIT, OLD)


async def test_api_killed_the_first_to_ask_for_aged_routes_gets_them_too() -> None:
    async with world() as it:
        await warm(it)
        await it.api.stop()
        it.clock.pass_by(3600)
        assert what(await it.resolver.resolve("alice")) == (Standing.KNOWN, CacheState.STALE, OLD)


async def test_stale_routes_end_at_the_limit() -> None:
    async with world(stale_ttl="1h") as it:
        await warm(it)
        await it.api.stop()
        it.clock.pass_by(3661)
        assert (await it.resolver.resolve("alice")).standing is Standing.UNAVAILABLE


async def test_api_killed_cold_tenants_are_unavailable_soon_and_not_remembered_as_unknown() -> None:
    async with world(resolve_budget="5") as it:
        await it.api.stop()
        begun = time.monotonic()
        assert what(await it.resolver.resolve("alice")) == (Standing.UNAVAILABLE, CacheState.MISS, None)
        assert time.monotonic() - begun < 3
        await it.api.start()
        it.clock.pass_by(5)
        await warm(it)


@pytest.mark.parametrize("behaviour", [hang, trickle])
async def test_api_hangs_cold_tenants_wait_within_the_budget_and_warm_ones_not_at_all(behaviour: Behaviour) -> None:
    async with world(resolve_budget="1") as it:
        await warm(it)
        it.api.behaviour = behaviour
        it.clock.pass_by(61)
        begun = time.monotonic()
        assert what(await it.resolver.resolve("alice")) == (Standing.KNOWN, CacheState.STALE, OLD)
        assert time.monotonic() - begun < 0.1
        assert (await it.resolver.resolve("bob")).standing is Standing.UNAVAILABLE
        assert time.monotonic() - begun < 1
        await settle(it)
        assert it.tally.calls[CallOutcome.TIMEOUT] == 4


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(response(200, b"<html>hello</html>", "text/html"), id="html with 200"),
        pytest.param(response(200, b"<html>hello</html>"), id="html that says it is JSON"),
        pytest.param(response(200, []), id="a list"),
        pytest.param(response(200, {"routes": "x"}), id="routes of the wrong type"),
        pytest.param(response(200, {"error": "x"}), id="no routes member"),
        pytest.param(response(200, b"[" * 100_000), id="nested too deep"),
        pytest.param(response(200, b"\xff\xfe\xff"), id="not text"),
        pytest.param(response(200, b'{"routes":[' + b" " * 50_000_000 + b"]}"), id="50 MB"),
        pytest.param(response(200, routes_of(*["203.0.113.9"] * 10_000)), id="10,000 routes"),
        pytest.param(response(200, {"routes": [{"ip": NEW, "port": 0}, {"ip": NEW, "port": 70000}]}), id="bad ports"),
        pytest.param(response(200, {"routes": []}), id="no routes"),
        pytest.param(response(302, b"").replace(b"\r\n\r\n", b"\r\nLocation: /elsewhere\r\n\r\n"), id="redirect"),
        pytest.param(response(404, b"not here", "text/plain"), id="404 without JSON"),
        pytest.param(response(500, {"error": "x"}), id="500"),
        pytest.param(response(204, b""), id="204"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", id="not HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 500_000, id="endless header"),
    ],
)
async def test_api_talks_nonsense_the_old_answer_is_kept(raw: bytes) -> None:
    async with world() as it:
        await warm(it)
        it.api.behaviour = always(raw)
        it.clock.pass_by(61)
        assert it.resolver.peek("alice")
        await settle(it)
        it.clock.pass_by(61)
        assert what(it.resolver.peek("alice")) == (Standing.KNOWN, CacheState.STALE, OLD)
        assert "/elsewhere" not in it.api.calls
        await settle(it)


async def test_a_ttl_that_is_no_number_falls_back_to_the_setting() -> None:
    async with world() as it:
        it.api.behaviour = always(response(200, routes_of(NEW, ttl=float("nan"))))
        assert what(await it.resolver.resolve("alice")) == (Standing.KNOWN, CacheState.MISS, NEW)
        it.clock.pass_by(59)
        assert what(it.resolver.peek("alice")) == (Standing.KNOWN, CacheState.HIT, NEW)


async def test_an_answer_that_the_tenant_is_unknown_ends_stale_routes() -> None:
    async with world() as it:
        await warm(it)
        del it.api.tenants["alice"]
        it.clock.pass_by(61)
        it.resolver.peek("alice")
        await settle(it)
        assert what(it.resolver.peek("alice")) == (Standing.UNKNOWN, CacheState.NEGATIVE, None)
        await it.api.stop()
        it.clock.pass_by(60)
        assert (await it.resolver.resolve("alice")).standing is Standing.UNAVAILABLE


async def test_api_restarted_without_routes_the_last_good_ones_live_until_their_own_end() -> None:
    async with world(offline_ttl="10") as it:
        await warm(it, ttl=300)
        it.api.tenants["alice"] = {"routes": [], "routesTtl": -2}
        it.clock.pass_by(61)
        it.resolver.peek("alice")
        await settle(it)
        assert what(it.resolver.peek("alice")) == (Standing.KNOWN, CacheState.HIT, OLD)
        assert it.tally.events[ResolverEvent.ROUTES_KEPT] == 1
        it.clock.pass_by(11)
        it.resolver.peek("alice")
        await settle(it)
        assert len(it.api.calls) == 3, "asked again after OFFLINE_TTL"
        it.clock.pass_by(300)
        assert (await it.resolver.resolve("alice")).standing is Standing.OFFLINE


async def test_random_names_do_not_push_out_tenants_in_use() -> None:
    async with world(cache_entries="20") as it:
        for number in range(20):
            await warm(it, f"hot{number}")
        for number in range(200):
            await it.resolver.resolve(f"random{number}")
        assert all(it.resolver.peek(f"hot{number}") for number in range(20))
        assert len(it.resolver._memory._absences) == 2


async def test_the_tenant_used_longest_ago_goes_first() -> None:
    async with world(cache_entries="2") as it:
        await warm(it, "alice")
        await warm(it, "bob")
        it.resolver.peek("alice")
        await warm(it, "carol")
        assert [tenant for tenant, _, _ in it.resolver.entries()] == ["carol", "alice"]


async def test_a_dead_api_is_not_asked_by_every_request() -> None:
    async with world() as it:
        it.api.behaviour = always(response(500, b""))
        for number in range(200):
            assert (await it.resolver.resolve(f"t{number}")).standing is Standing.UNAVAILABLE
        assert len(it.api.calls) == 9  # four tries each for two tenants, and the third tenant's first
        assert it.tally.events[ResolverEvent.BREAKER_OPEN] == 1
        it.clock.pass_by(1.3)
        answers = await asyncio.gather(*(it.resolver.resolve(f"t{number}") for number in range(200)))
        assert {answer.standing for answer in answers} == {Standing.UNAVAILABLE}
        assert len(it.api.calls) == 10, "half-open lets one call through"
        it.api.behaviour = None
        it.clock.pass_by(5)
        await warm(it)


async def test_calls_at_a_time_are_bounded() -> None:
    async with world(resolve_budget="60") as it:  # so long that a busy machine cannot use it up
        under_way = most = 0

        async def busy(_: str, writer: asyncio.StreamWriter) -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.02)
            under_way -= 1
            writer.write(response(404, {}))

        it.api.behaviour = busy
        await asyncio.gather(*(it.resolver.resolve(f"t{number}") for number in range(300)))
        assert most <= CALLS_AT_A_TIME
        assert len(it.api.calls) == 300


async def test_who_gets_no_place_among_the_calls_is_unavailable_in_time() -> None:
    async with world(resolve_budget="0.5") as it:
        it.api.behaviour = hang
        crowd = await asyncio.gather(*(it.resolver.resolve(f"t{number}") for number in range(2 * CALLS_AT_A_TIME)))
        assert {answer.standing for answer in crowd} == {Standing.UNAVAILABLE}
        assert it.tally.calls[CallOutcome.TIMEOUT] <= 2 * CALLS_AT_A_TIME


async def test_refreshes_leave_room_for_those_who_wait() -> None:
    async with world() as it:
        for number in range(100):
            await warm(it, f"t{number}")
        it.api.behaviour = hang
        it.clock.pass_by(61)
        for number in range(100):
            assert what(it.resolver.peek(f"t{number}")) == (Standing.KNOWN, CacheState.STALE, OLD)
        assert it.tally.events[ResolverEvent.REFRESH] == 16


async def test_past_the_limit_and_with_the_breaker_open_nobody_waits() -> None:
    async with world(stale_ttl="1h") as it:
        await warm(it)
        await it.api.stop()
        it.clock.pass_by(3601)
        for tenant in ("bob", "carol", "dave"):
            assert (await it.resolver.resolve(tenant)).standing is Standing.UNAVAILABLE
        assert what(it.resolver.peek("alice")) == (Standing.UNAVAILABLE, CacheState.MISS, None)


async def test_dropped_routes_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    async with world() as it:
        it.api.tenants["alice"] = routes_of("127.0.0.1", NEW)
        assert what(await it.resolver.resolve("alice")) == (Standing.KNOWN, CacheState.MISS, NEW)
        assert it.tally.dropped == 1
        assert "127.0.0.1 refused: loopback" in caplog.text


async def test_clear_forgets_one_or_all() -> None:
    async with world() as it:
        await warm(it, "alice")
        await warm(it, "bob")
        await it.resolver.resolve("nobody")
        it.resolver.clear("alice")
        assert it.resolver.peek("alice") is None
        assert it.resolver.peek("bob")
        it.resolver.clear()
        assert it.resolver.peek("bob") is None
        assert it.resolver.peek("nobody") is None


async def test_used_since_names_the_tenants_in_use() -> None:
    async with world() as it:
        await warm(it, "alice")
        await warm(it, "bob")
        it.clock.pass_by(10)
        it.resolver.peek("alice")
        assert [routes.tenant for routes in it.resolver.used_since(it.clock.now - 5)] == ["alice"]


async def test_ready_once_the_api_answers_and_still_with_routes_to_fall_back_on() -> None:
    async with world() as it:
        await it.api.stop()
        await it.resolver.start()
        await asyncio.sleep(0.2)
        assert not it.resolver.ready
        await it.api.start()
        async with asyncio.timeout(3):
            while not it.resolver.ready:  # noqa: ASYNC110 - readiness is a question, nobody announces it
                await asyncio.sleep(0.05)
        await warm(it)
        await it.api.stop()
        await it.resolver.resolve("bob")
        assert it.resolver.ready
        it.resolver.clear()
        assert not it.resolver.ready


async def test_who_waits_while_the_resolver_closes_is_answered() -> None:
    async with world() as it:
        it.api.behaviour = hang
        waiting = asyncio.get_running_loop().create_task(it.resolver.resolve("alice"))
        await asyncio.sleep(0.1)
        await it.resolver.close()
        assert (await waiting).standing is Standing.UNAVAILABLE


async def test_v1_answers_where_v2_is_absent_and_is_remembered_for_a_minute() -> None:
    async with world() as it:
        v1 = {"hostIp": NEW, "targetPort": 443}

        async def old_api(path: str, writer: asyncio.StreamWriter) -> None:
            is_v2 = path.startswith("/resolve/v2/")
            writer.write(response(404, b"Cannot GET", "text/html") if is_v2 else response(200, v1))

        it.api.behaviour = old_api
        for tenant in ("alice", "bob"):
            assert what(await it.resolver.resolve(tenant)) == (Standing.KNOWN, CacheState.MISS, NEW)
        assert it.api.calls == ["/resolve/v2/alice", "/resolve/alice", "/resolve/bob"]
        it.clock.pass_by(61)
        await it.resolver.resolve("carol")
        assert it.api.calls[3:] == ["/resolve/v2/carol", "/resolve/carol"]


async def test_v1_gone_again_means_v2() -> None:
    async with world() as it:

        async def old_api(path: str, writer: asyncio.StreamWriter) -> None:
            writer.write(response(405, b"") if path.startswith("/resolve/v2/") else response(404, {"error": "x"}))

        async def new_api(path: str, writer: asyncio.StreamWriter) -> None:
            writer.write(response(200, routes_of(NEW)) if path.startswith("/resolve/v2/") else response(501, b""))

        it.api.behaviour = old_api
        assert (await it.resolver.resolve("alice")).standing is Standing.UNKNOWN
        it.api.behaviour = new_api
        await it.resolver.resolve("bob")
        await it.resolver.resolve("carol")
        assert it.api.calls[2:] == ["/resolve/bob", "/resolve/v2/bob", "/resolve/v2/carol"]


async def test_a_refusal_by_the_api_itself_is_not_an_absent_version() -> None:
    async with world() as it:
        it.api.behaviour = always(response(405, {"error": "x"}))
        assert (await it.resolver.resolve("alice")).standing is Standing.UNAVAILABLE
        assert all(path == "/resolve/v2/alice" for path in it.api.calls)


async def test_no_more_is_read_of_an_endless_answer_than_the_limit() -> None:
    async with world(resolve_budget="1") as it:
        sent = 0

        async def endless(_: str, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"4000\r\n" + b" " * 0x4000 + b"\r\n")
                await writer.drain()
                sent += 0x4000

        it.api.behaviour = endless
        assert (await it.resolver.resolve("alice")).standing is Standing.UNAVAILABLE
        # What the kernel's and the writer's buffers take in is sent, but not read.
        assert sent / len(it.api.calls) < 8 * 1024 * 1024


def test_the_api_stand_in_speaks_json() -> None:
    head, _, body = response(200, routes_of(OLD)).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["routes"][0]["ip"] == OLD
