"""Laws of memory: whatever the size and whoever is slow, the gateway holds no body (CONTRACT part 7, HAZARDS C).

The peak counts, so that what was collected and let go is seen too.
"""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.rig import behaviours
from tests.rig.certificates import Authority
from tests.rig.http1_client import request_head
from tests.rig.payload import MIB, blocks, digest_of
from tests.rig.world import World, world

FULL = os.environ.get("GATEWAY_TEST_FULL") == "1"
LARGE = 2048 * MIB
LARGE_HTTP2 = 2048 * MIB if FULL else 256 * MIB
"""Both ends of the test are pure Python in HTTP/2, and take a minute for the large one."""
PATIENCE = 600.0 if FULL else 120.0
GROWTH = 64 * MIB


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("memory"), authority) as here:
        yield here


class Growth:
    """How much the gateway's memory grew at its highest since then."""

    def __init__(self, place: World) -> None:
        self._gateway = place.gateway
        self._gateway.forget_peak()
        self._start = self._gateway.rss()

    def check(self) -> None:
        grown = self._gateway.rss("VmHWM") - self._start
        assert grown < GROWTH, f"{grown / MIB:.0f} MiB"


async def test_a_large_upload_is_never_collected(place: World) -> None:
    host, _ = await place.new_tenant("largeup")
    growth = Growth(place)
    async with asyncio.timeout(PATIENCE), place.connect() as client:
        answer = await client.upload("PUT", host, "/", blocks(LARGE), LARGE)
    assert (answer.json["size"], answer.json["sha256"]) == (LARGE, digest_of(LARGE))
    growth.check()


async def test_a_large_download_is_never_collected(place: World) -> None:
    host, _ = await place.new_tenant("largedown", behaviours.download(LARGE))
    growth = Growth(place)
    async with asyncio.timeout(PATIENCE), place.connect() as client:
        answer = await client.ask("GET", host)
    assert (answer.tally.size, answer.tally.sha256) == (LARGE, digest_of(LARGE))
    growth.check()


async def test_over_http2_large_bodies_are_never_collected(place: World) -> None:
    host, _ = await place.new_tenant("largemodern")
    down, _ = await place.new_tenant("largemoderndown", behaviours.download(LARGE_HTTP2))
    growth = Growth(place)
    async with asyncio.timeout(PATIENCE), place.connect_http2(host) as client:
        stream = client.begin("PUT", host)
        await client.send(stream, blocks(LARGE_HTTP2))
        answer = await client.answer(stream, PATIENCE)
        assert (answer.json["size"], answer.json["sha256"]) == (LARGE_HTTP2, digest_of(LARGE_HTTP2))
        growth.check()
        answer = await client.answer(client.begin("GET", down, ended=True), PATIENCE)
        assert (answer.tally.size, answer.tally.sha256) == (LARGE_HTTP2, digest_of(LARGE_HTTP2))
    growth.check()


async def test_a_client_that_does_not_read_costs_no_memory(place: World) -> None:
    host, _ = await place.new_tenant("unread", behaviours.download(LARGE))
    growth = Growth(place)
    async with place.connect() as client:
        await client.send(request_head("GET", "/", [("Host", host)]))
        await asyncio.sleep(1.5)
        growth.check()
        assert (await client.answer(seconds=PATIENCE)).whole
    growth.check()


async def test_over_http2_a_client_that_gives_no_window_costs_no_memory(place: World) -> None:
    host, origin = await place.new_tenant("windowless", behaviours.download(LARGE))
    small, _ = await place.new_tenant("neighbour")
    growth = Growth(place)
    async with place.connect_http2(host) as client:
        held = client.begin("GET", host, ended=True, hold=True)
        await asyncio.sleep(1.5)
        growth.check()
        assert (await client.ask("GET", small)).status == 200
        assert not held.done.is_set()
    assert len(origin.arrivals) == 1


async def test_an_upstream_that_does_not_read_costs_no_memory(place: World) -> None:
    host, origin = await place.new_tenant("unreading", behaviours.silence)
    growth = Growth(place)
    sent = 0
    async with place.connect() as client:
        await client.send(request_head("PUT", "/", [("Host", host), ("Content-Length", str(1 << 30))]))
        try:
            async with asyncio.timeout(2):
                for block in blocks(1 << 30):
                    await client.send(block)
                    sent += len(block)
        except TimeoutError:
            pass
        growth.check()
    assert 0 < sent < 1 << 30
    assert len(origin.arrivals) == 1
