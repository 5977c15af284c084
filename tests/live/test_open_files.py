"""Laws of a small limit of open files: who has a place is served, who has none is turned away, quietly (FAULTS 34)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.rig import behaviours
from tests.rig.certificates import Authority
from tests.rig.http1_client import ConnectionEndedError, Http1
from tests.rig.samples import total
from tests.rig.world import World, world

OPEN_FILES = 96
PLACES = OPEN_FILES // 4
"""Half is kept for the process itself, and each client connection may need one to an upstream."""
EXCHANGES = PLACES * 2 // 3
"""The rest is for upstreams that wait for a further request."""
RUSH = 3 * OPEN_FILES
STREAMS = 90
LOG_GROWTH = 1000
RECOVERY_SECONDS = 5.0
# What `ulimit -n` does, in the process itself: `site` runs this before anything else (docs.python.org, site).
AT_START = f"import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, ({OPEN_FILES}, {OPEN_FILES}))\n"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("open-files")
    (folder / "sitecustomize.py").write_text(AT_START)
    async with world(folder / "gateway", authority, PYTHONPATH=str(folder)) as here:
        yield here


def test_one_line_tells_how_many_there_is_room_for(place: World) -> None:
    (line,) = [line for line in place.gateway.log.splitlines() if "MAX_CONNECTIONS" in line]
    assert f"with {OPEN_FILES} open files there is room for {PLACES} and {EXCHANGES}:" in line


async def nobody_left(place: World) -> None:
    """Those of the test before have given their places back."""
    async with asyncio.timeout(RECOVERY_SECONDS):
        while total(await place.gateway.metrics(), "gateway_connections_open"):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)


async def test_whoever_has_a_place_is_served_and_nobody_else(place: World) -> None:
    host, _ = await place.new_tenant("crowd")
    await nobody_left(place)
    with quiet(place):
        async with contextlib.AsyncExitStack() as crowd:
            seated = [await crowd.enter_async_context(place.connect()) for _ in range(PLACES)]
            assert await all_served(seated, host)
            assert not any([await is_served(place, host) for _ in range(PLACES)])
            assert await all_served(seated, host)
            refused = total(await place.gateway.metrics(), "gateway_connections_refused_total", reason="capacity")
            assert refused == PLACES
        await serves_again(place, host)


async def test_a_rush_harms_nobody_who_has_a_place(place: World) -> None:
    host, _ = await place.new_tenant("rush")
    await nobody_left(place)
    with quiet(place):
        async with contextlib.AsyncExitStack() as crowd:
            seated = [await crowd.enter_async_context(place.connect()) for _ in range(PLACES)]
            assert await all_served(seated, host)
            rush = (crowd.enter_async_context(place.connect()) for _ in range(RUSH))
            await asyncio.gather(*rush)
            assert await all_served(seated, host)
        await serves_again(place, host)


async def test_more_streams_than_open_files_are_answered_503(place: World) -> None:
    host, origin = await place.new_tenant("streams")
    assert (await place.ask("GET", host)).status == 200
    origin.forget()
    origin.behaviour = behaviours.slow(1)
    with quiet(place):
        async with place.connect_http2(host) as client:
            streams = [client.begin("GET", host, ended=True) for _ in range(STREAMS)]
            answers = [await client.answer(stream) for stream in streams]
            refused = [answer for answer in answers if answer.status != 200]
            assert {(answer.status, answer.code) for answer in refused} == {(503, "UNAVAILABLE")}
            assert all(answer.one("retry-after") for answer in refused)
            assert 0 < STREAMS - len(refused) == len(origin.arrivals) <= EXCHANGES
        await serves_again(place, host)


async def test_upstreams_that_wait_for_a_further_request_take_nobodys_place(place: World) -> None:
    hosts = [(await place.new_tenant(f"idle{number}"))[0] for number in range(OPEN_FILES)]
    with quiet(place):
        for host in hosts:
            assert (await place.ask("GET", host)).status == 200
        await serves_again(place, hosts[0])


@contextlib.contextmanager
def quiet(place: World) -> Iterator[None]:
    """The log says next to nothing while the block runs."""
    before = len(place.gateway.log)
    yield
    said = place.gateway.log[before:]
    assert len(said) <= LOG_GROWTH, f"{len(said)} characters, such as {said[:LOG_GROWTH]}"


async def all_served(seated: list[Http1], host: str) -> bool:
    return [(await client.ask("GET", host)).status for client in seated] == [200] * len(seated)


async def is_served(place: World, host: str) -> bool:
    try:
        return (await place.ask("GET", host)).status == 200
    except (ConnectionEndedError, ConnectionResetError, BrokenPipeError):
        return False


async def serves_again(place: World, host: str) -> None:
    """Soon: the gateway sees its clients leave one by one."""
    async with asyncio.timeout(RECOVERY_SECONDS):
        while not await is_served(place, host):  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.05)
