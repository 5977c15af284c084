"""Laws of what happens when a route fails (CONTRACT part 4)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from tests.rig import behaviours
from tests.rig.answer import Answer
from tests.rig.api import Json, route
from tests.rig.call import Behaviour, Call
from tests.rig.certificates import Authority
from tests.rig.http2_client import Http2
from tests.rig.origin import Origin
from tests.rig.payload import MIB, blocks, digest_of
from tests.rig.ports import black_hole, dead_port
from tests.rig.world import World, world

CONNECT_SECONDS = 1.0
UPLOAD = 50 * MIB
FLAWS = ("refuses", "is silent", "has another name's certificate", "has an untrusted certificate")


@dataclass(slots=True)
class Place:
    """A world and first routes that fail, each in its own way."""

    world: World
    flawed: dict[str, Json]
    count: int = field(default=0)

    def behind(self, flaw: str, good: Origin) -> str:
        """A new tenant whose first route has that flaw and whose second is good; its host."""
        self.count += 1
        return self.world.tenant(f"f{self.count}", self.flawed[flaw], route(good.port, source="tunnel", priority=2))


@pytest.fixture(scope="module")
def unreachable() -> Iterator[dict[str, Json]]:
    with ExitStack() as sockets:
        dead, silent = sockets.enter_context(dead_port()), sockets.enter_context(black_hole())
        yield {"refuses": route(dead), "is silent": route(silent)}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, unreachable: dict[str, Json]
) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("failover")
    async with world(folder, authority, CONNECT_TIMEOUT=f"{CONNECT_SECONDS}s", HEALTH_CHECK_INTERVAL="0") as here:
        other = await here.origin("other", tls=authority.serving("other.example.com"))
        untrusted = await here.origin("untrusted", tls=Authority("Nobody").serving("*.example.com"))
        certified = {
            "has another name's certificate": route(other.port, scheme="https"),
            "has an untrusted certificate": route(untrusted.port, scheme="https"),
        }
        yield Place(here, {**unreachable, **certified})


@pytest.mark.parametrize("flaw", FLAWS)
async def test_a_get_arrives_by_the_second_route_when_the_first(place: Place, flaw: str) -> None:
    good = await place.world.origin("good")
    answer = await place.world.ask("GET", place.behind(flaw, good))
    assert (answer.status, answer.json["origin"], len(good.arrivals)) == (200, "good", 1)
    line = (await place.world.gateway.access_lines(answer.one("x-request-id")))[0]
    assert (line["tries"], line["source"]) == (2, "tunnel")
    assert line["attempts"][0]["error"]


@pytest.mark.parametrize("length", [UPLOAD, None], ids=["with a length", "chunked"])
@pytest.mark.parametrize("flaw", FLAWS)
async def test_a_streamed_put_arrives_whole_by_the_second_route_when_the_first(
    place: Place, flaw: str, length: int | None
) -> None:
    good = await place.world.origin("good")
    async with place.world.connect() as client:
        answer = await client.upload("PUT", place.behind(flaw, good), "/up", blocks(UPLOAD), length)
    assert answer.json["sha256"] == digest_of(UPLOAD)
    assert len(good.arrivals) == 1


@pytest.mark.parametrize("flaw", FLAWS)
async def test_over_http2_a_put_arrives_whole_by_the_second_route_when_the_first(place: Place, flaw: str) -> None:
    good = await place.world.origin("good")
    host = place.behind(flaw, good)
    async with place.world.connect_http2(host) as client:
        answer = await http2_put(client, host, 4 * MIB)
    assert answer.json["sha256"] == digest_of(4 * MIB)
    assert len(good.arrivals) == 1


async def http2_put(client: Http2, host: str, size: int) -> Answer:
    stream = client.begin("PUT", host, "/up")
    await client.send(stream, blocks(size))
    return await client.answer(stream)


async def test_a_silent_route_costs_its_connect_timeout_and_then_steps_back(place: Place) -> None:
    good = await place.world.origin("good")
    host = place.behind("is silent", good)
    loop = asyncio.get_running_loop()
    times = []
    for _ in range(2):
        start = loop.time()
        assert (await place.world.ask("GET", host)).status == 200
        times.append(loop.time() - start)
    assert CONNECT_SECONDS <= times[0] < CONNECT_SECONDS + 1
    assert times[1] < CONNECT_SECONDS / 2


@pytest.mark.parametrize("second", ["refuses", "is silent"])
async def test_when_all_routes_are_dead_the_answer_is_504_and_the_connection_lives(place: Place, second: str) -> None:
    dead = {**place.flawed[second], "priority": 2, "source": "tunnel"}
    host = place.world.tenant(f"alldead{len(second)}", place.flawed["refuses"], dead)
    healthy, _ = await place.world.new_tenant("healthy")
    async with place.world.connect() as client:
        answer = await client.ask("GET", host)
        assert (answer.status, answer.code) == (504, "ROUTES_EXHAUSTED")
        assert (await client.ask("GET", healthy)).status == 200


async def test_a_route_that_comes_back_is_found_on_the_same_connection(place: Place) -> None:
    origin = await place.world.origin("phoenix")
    host = place.world.tenant("phoenix", origin)
    async with place.world.connect() as plain, place.world.connect_http2(host) as modern:
        await origin.stop()
        assert (await plain.ask("GET", host)).code == "ROUTES_EXHAUSTED"
        assert (await modern.ask("GET", host)).code == "ROUTES_EXHAUSTED"
        await origin.start()
        assert (await plain.ask("GET", host)).status == 200
        assert (await modern.ask("GET", host)).status == 200


async def test_when_all_certificates_are_bad_the_answer_is_502(place: Place) -> None:
    host = place.world.tenant("alluntrusted", *(place.flawed[flaw] for flaw in FLAWS[2:]))
    answer = await place.world.ask("GET", host)
    assert (answer.status, answer.code) == (502, "UPSTREAM_TLS")


@pytest.mark.parametrize("failing", [behaviours.reset, behaviours.hang_up], ids=["reset", "hang up"])
async def test_a_get_that_was_broken_off_before_its_answer_is_sent_once_more(place: Place, failing: Behaviour) -> None:
    host, origin = await place.world.new_tenant(f"flaky{failing.__name__.replace('_', '')}", behaviours.once(failing))
    answer = await place.world.ask("GET", host)
    assert (answer.status, len(origin.arrivals)) == (200, 2)


@pytest.mark.parametrize("failing", [behaviours.reset, behaviours.hang_up], ids=["reset", "hang up"])
async def test_a_post_that_was_broken_off_before_its_answer_is_never_sent_again(
    place: Place, failing: Behaviour
) -> None:
    host, origin = await place.world.new_tenant(f"post{failing.__name__.replace('_', '')}", behaviours.once(failing))
    answer = await place.world.ask("POST", host, body=b"order one")
    assert (answer.status, answer.code, len(origin.arrivals)) == (502, "UPSTREAM_PROTOCOL", 1)


async def test_a_get_that_always_breaks_off_ends_in_502(place: Place) -> None:
    host, origin = await place.world.new_tenant("hopeless", behaviours.reset)
    async with place.world.connect() as client:
        answer = await client.ask("GET", host)
        assert (answer.status, answer.code) == (502, "UPSTREAM_PROTOCOL")
        assert 2 <= len(origin.arrivals) <= 3
        origin.behaviour = behaviours.describe
        assert (await client.ask("GET", host)).status == 200


@pytest.mark.parametrize("cut", [behaviours.cut(MIB, 1000), behaviours.cut_chunked(1000)], ids=["a length", "chunks"])
async def test_an_answer_that_breaks_off_never_looks_whole(place: Place, cut: Behaviour) -> None:
    place.count += 1
    host, origin = await place.world.new_tenant(f"cut{place.count}", cut)
    answer = await place.world.ask("GET", host)
    assert (answer.status, answer.whole, answer.tally.size) == (200, False, 1000)
    assert len(origin.arrivals) == 1


async def test_an_idle_connection_that_the_upstream_closes_costs_no_request(place: Place) -> None:
    host, origin = await place.world.new_tenant("leaver", behaviours.leave_after)
    async with place.world.connect() as client:
        statuses = [
            (await client.ask(method, host, body=body)).status for method, body in [("GET", None), ("PUT", b"x")] * 100
        ]
    assert statuses == [200] * 200
    assert len(origin.arrivals) == 200


async def test_an_upstream_connection_is_kept_for_the_clients_next_request(place: Place) -> None:
    host, origin = await place.world.new_tenant("kept")
    async with place.world.connect() as client:
        for _ in range(20):
            assert (await client.ask("GET", host)).status == 200
    assert origin.connections == 1


@pytest.mark.parametrize("line", [b"HTTP/1.1 0100 X", b"HTTP/1.1\t100 OK", b"HTTP/1.1  100", b"HTTP/1.1 +103 X"])
async def test_an_interim_answer_in_odd_spelling_never_shifts_the_next_answer(place: Place, line: bytes) -> None:
    """Passed on as the final answer, it would leave an edge waiting for another: the next tenant's."""

    async def odd(call: Call) -> None:
        await call.send(line + b"\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    place.count += 1
    evil, _ = await place.world.new_tenant(f"evil{place.count}", odd)
    alice, _ = await place.world.new_tenant(f"good{place.count}", behaviours.status(200, body=b"good"))
    async with place.world.connect() as client:
        assert (await client.ask("GET", evil)).status in (200, 502)
        assert bytes((await client.ask("GET", alice)).body) == b"good"


async def test_more_orders_than_one_client_may_have_connections_are_all_answered(place: Place) -> None:
    """Each goes over a connection of its own; the ones before must not add up."""
    host, _ = await place.world.new_tenant("orders")
    async with place.world.connect() as client:
        statuses = [(await client.ask("POST", host, body=b"one order")).status for _ in range(300)]
    assert statuses == [200] * 300
