"""Laws of health checks: a route that says it is unwell steps back before a request finds out (CONTRACT parts 3 and 4)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.rig import behaviours
from tests.rig.api import route
from tests.rig.call import Behaviour
from tests.rig.certificates import Authority
from tests.rig.origin import Origin
from tests.rig.world import World, world

INTERVAL = 0.2
SOON = 2.0 + 10 * INTERVAL
"""A check that nobody answers takes two seconds."""
PATH = "/.well-known/health"
CHECK = {"path": PATH, "host": "check.example.com"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("health"), authority, HEALTH_CHECK_INTERVAL=f"{INTERVAL}s") as here:
        yield here


async def pair(place: World, tenant: str, scheme: str = "http") -> tuple[str, Origin, Origin]:
    """A tenant whose first route asks for a check, and whose second does not."""
    tls = place.authority.serving("*.example.com") if scheme == "https" else None
    first, second = await place.origin("first", tls=tls), await place.origin("second")
    checked = route(first.port, scheme=scheme, healthCheck=CHECK)
    return place.tenant(tenant, checked, route(second.port, source="tunnel", priority=2)), first, second


async def served_by(place: World, host: str, name: str) -> None:
    """Returns once requests are answered by that origin; the tenant stays in use meanwhile."""
    async with asyncio.timeout(SOON), place.connect() as client:
        while (await client.ask("GET", host)).json["origin"] != name:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(INTERVAL / 4)


async def checked(place: World, host: str, origin: Origin, times: int) -> None:
    """Returns after so many more checks of a tenant in use."""
    start = checks(origin)
    async with asyncio.timeout(SOON), place.connect() as client:
        while checks(origin) < start + times:
            await client.ask("GET", host)
            await asyncio.sleep(INTERVAL / 4)


def checks(origin: Origin) -> int:
    return len([arrival for arrival in origin.arrivals if arrival.target == PATH])


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_an_unwell_route_steps_back_and_comes_back_when_it_is_well(place: World, scheme: str) -> None:
    host, first, second = await pair(place, f"unwell{scheme}", scheme)
    await served_by(place, host, "first")
    first.at[PATH] = behaviours.status(500)
    await served_by(place, host, "second")
    await checked(place, host, first, 2)
    assert (await place.ask("GET", host)).json["origin"] == "second", "it stays away while it is unwell"
    first.at[PATH] = behaviours.status(200)
    await served_by(place, host, "first")
    assert not checks(second), "a route that asks for no check gets none"


async def test_no_request_fails_while_a_route_comes_and_goes(place: World) -> None:
    host, first, _ = await pair(place, "flapping")
    statuses = []
    for health in (500, 200, 500, 200):
        first.at[PATH] = behaviours.status(health)
        async with place.connect() as client:
            for _ in range(6):
                statuses.append((await client.ask("GET", host)).status)
                await asyncio.sleep(INTERVAL / 4)
    assert statuses == [200] * 24


async def test_a_check_is_a_head_request_with_the_host_that_the_route_names(place: World) -> None:
    host, first, _ = await pair(place, "asked")
    await checked(place, host, first, 1)
    arrival = next(arrival for arrival in first.arrivals if arrival.target == PATH)
    assert (arrival.method, arrival.one("host")) == ("HEAD", "check.example.com")


UNWELL: dict[str, Behaviour] = {
    "silent": behaviours.silence,
    "garbage": behaviours.garbage,
    "reset": behaviours.reset,
    "redirects": behaviours.status(302, ("Location", "/")),
}


@pytest.mark.parametrize("way", UNWELL)
async def test_only_an_answer_of_success_is_healthy(place: World, way: str) -> None:
    host, first, _ = await pair(place, way)
    first.at[PATH] = UNWELL[way]
    await served_by(place, host, "second")


async def test_a_tenant_that_nobody_asks_for_is_left_in_peace(place: World) -> None:
    host, first, _ = await pair(place, "resting")
    await checked(place, host, first, 1)
    await asyncio.sleep(4 * INTERVAL)
    before = checks(first)
    await asyncio.sleep(4 * INTERVAL)
    assert checks(first) == before


async def test_when_all_routes_are_unwell_the_best_is_tried_all_the_same(place: World) -> None:
    origin = await place.origin("last")
    origin.at[PATH] = behaviours.status(500)
    host = place.tenant("alone", route(origin.port, healthCheck=CHECK))
    await checked(place, host, origin, 3)
    assert (await place.ask("GET", host)).json["origin"] == "last"
