"""Laws of floods: whoever sends too much of anything harms himself alone (FAULTS 5, 7, 18 to 20; HAZARDS C and D).

Each flood is small, a few thousand frames or requests: what has no bound grows with the first thousand already.
"""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from mesh_gateway.tasks import Tasks
from tests.rig import behaviours
from tests.rig.api import UNKNOWN, known, route
from tests.rig.certificates import Authority
from tests.rig.http1_client import Http1, request_head
from tests.rig.http2_frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PRIORITY,
    SETTINGS,
    WINDOW_UPDATE,
    Frames,
    field_block,
    frame,
    request,
    reset,
)
from tests.rig.payload import MIB
from tests.rig.samples import total
from tests.rig.world import World, world

HOST = "canary.example.com"
GROWTH = 64 * MIB
SLOWEST = 2.0
"""The longest that a canary's answer may take on a machine with two cores, both busy with the flood."""
CACHE_ENTRIES = 500
ABSENCES = CACHE_ENTRIES // 10
"""How many unknown names are remembered beside."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    async with world(
        tmp_path_factory.mktemp("floods"), authority, CACHE_ENTRIES=str(CACHE_ENTRIES), NEGATIVE_TTL="60s"
    ) as here:
        await here.new_tenant("canary")
        assert (await here.ask("GET", HOST)).status == 200
        yield here


@dataclass(slots=True)
class Canary:
    """A client that does no harm, asks all the time, and notes how it fares."""

    statuses: list[int] = field(default_factory=list)
    slowest: float = 0.0

    async def sing(self, place: World) -> None:
        loop = asyncio.get_running_loop()
        async with place.connect() as client:
            while True:
                start = loop.time()
                self.statuses.append((await client.ask("GET", HOST)).status)
                self.slowest = max(self.slowest, loop.time() - start)
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def unharmed(place: World) -> AsyncIterator[None]:
    """During the block and after it others are served, and memory stays bounded."""
    place.gateway.forget_peak()
    before, canary, tasks = place.gateway.rss(), Canary(), Tasks()
    song = tasks.start(canary.sing(place), name="canary")
    try:
        async with asyncio.timeout(10):
            yield
            sung = len(canary.statuses)
            while len(canary.statuses) < sung + 3 and not song.done():  # noqa: ASYNC110 - it sings while this waits
                await asyncio.sleep(0.02)
        assert not song.done(), song
    finally:
        await tasks.close()
    assert set(canary.statuses) == {200}
    assert canary.slowest < SLOWEST
    grown = place.gateway.rss("VmHWM") - before
    assert grown < GROWTH, f"{grown / MIB:.0f} MiB"


# Frames.


def connect(place: World, *, reading: bool = True) -> contextlib.AbstractAsyncContextManager[Frames]:
    return Frames.connect(place.gateway.tls_port, place.authority.trusting("h2"), HOST, reading=reading)


def head(*more: tuple[str, str]) -> bytes:
    return field_block(HOST, *more)


def begun(stream: int, host: str = HOST, *, ended: bool = True) -> bytes:
    return request(stream, host, ended=ended)


NUMBERS = range(1, 2001, 2)
CANCEL = 8
ENHANCE_YOUR_CALM = 11


async def test_a_client_that_resets_its_streams_is_sent_away(place: World) -> None:
    host, origin = await place.new_tenant("resets", behaviours.slow(30))
    async with unharmed(place), connect(place) as client:
        await client.send(*(begun(number, host) + reset(number, CANCEL) for number in NUMBERS))
        assert await client.has_ended()
        assert client.error == ENHANCE_YOUR_CALM
    assert len(origin.arrivals) <= 110
    assert origin.connections <= 110


async def test_a_client_that_makes_the_gateway_reset_is_sent_away_too(place: World) -> None:
    """MadeYouReset (CVE-2025-8671): a window that overflows is the client's fault and the server's reset."""
    host, origin = await place.new_tenant("madeyou", behaviours.slow(30))
    async with unharmed(place), connect(place) as client:
        overflow = struct.pack(">I", 0x7FFFFFFF)
        for number in NUMBERS:
            await client.send(begun(number, host) + frame(WINDOW_UPDATE, number, overflow))
        assert await client.has_ended()
        assert client.error == ENHANCE_YOUR_CALM
    assert origin.connections <= 110


async def test_at_most_a_hundred_streams_run_at_a_time(place: World) -> None:
    host, origin = await place.new_tenant("streams", behaviours.slow(30))
    async with unharmed(place), connect(place) as client:
        await client.send(*(begun(number, host) for number in NUMBERS))
        assert await client.has_ended()
    assert len(origin.arrivals) <= 100


def hpack_bomb() -> Iterator[bytes]:
    """One field of 3 kB in the table, then 16,000 references of one byte to it: 48 MB (RFC 7541 7.3)."""
    yield frame(HEADERS, 1, head(("x-bomb", "b" * 3000)), END_HEADERS | END_STREAM)
    # 62 is the first index behind the static table: the entry that was made last (RFC 7541 2.3.3).
    yield frame(HEADERS, 3, head() + b"\xbe" * 16_000, END_HEADERS | END_STREAM)


def continuations(piece: bytes) -> Callable[[], Iterator[bytes]]:
    """A head that never ends (CVE-2024-27316)."""

    def flood() -> Iterator[bytes]:
        yield frame(HEADERS, 1, head())
        yield from (frame(CONTINUATION, 1, piece) for _ in range(3000))

    return flood


def wide_head() -> Iterator[bytes]:
    """1 MB of fields in frames that keep every rule."""
    block = head(*((f"x-{number}", "w" * 1000) for number in range(1000)))
    pieces = [block[start : start + 16_000] for start in range(0, len(block), 16_000)]
    yield frame(HEADERS, 1, pieces[0], END_STREAM)
    yield from (frame(CONTINUATION, 1, piece) for piece in pieces[1:-1])
    yield frame(CONTINUATION, 1, pieces[-1], END_HEADERS)


def strange_frames() -> Iterator[bytes]:
    yield from (frame(0x77, 0, b"?" * 100) for _ in range(3000))


FATAL: dict[str, Callable[[], Iterator[bytes]]] = {
    "hpack bomb": hpack_bomb,
    "empty continuations": continuations(b""),
    "small continuations": continuations(head()[:1]),
    "large continuations": continuations(b"\x00\x01x\x7f\x80\x7d" + b"c" * 16_000),
    "a head of 1 MB": wide_head,
    "a frame too large": lambda: iter([frame(DATA, 1, b"d" * 100_000)]),
    "data on no stream": lambda: (frame(DATA, 7, b"d" * 100) for _ in range(1000)),
    "an overflowing window": lambda: (frame(WINDOW_UPDATE, 0, b"\x7f\xff\xff\xff") for _ in range(3000)),
}


@pytest.mark.parametrize("flood", FATAL.values(), ids=FATAL)
async def test_what_breaks_the_protocol_ends_the_connection(place: World, flood: Callable[[], Iterator[bytes]]) -> None:
    async with unharmed(place), connect(place) as client:
        await client.send(*flood())
        assert await client.has_ended()
        assert client.error != 0
        assert client.count(DATA) <= 1, "at most the request that the bomb begins with is answered"


async def announced_too_large(place: World, kind: int) -> bool:
    """Whether a frame that is announced with 16 MB ends the connection before so much has come."""
    async with connect(place) as client:
        await client.send(b"\xff\xff\xff" + frame(kind, 1)[3:], b"x" * 100_000)
        return await client.has_ended(2)


async def test_a_frame_too_large_is_refused_by_its_announcement(place: World) -> None:
    async with unharmed(place):
        assert await announced_too_large(place, DATA)
        assert await announced_too_large(place, HEADERS)


PATIENT: dict[str, Callable[[], Iterator[bytes]]] = {
    "pings": lambda: (frame(PING, 0, b"12345678") for _ in range(5000)),
    "settings": lambda: (frame(SETTINGS, 0, b"\x00\x04\x00\x10\x00\x00") for _ in range(5000)),
    "acknowledgements": lambda: (frame(PING, 0, b"12345678", ACK) for _ in range(5000)),
    "priorities": lambda: (frame(PRIORITY, number, b"\x00\x00\x00\x00\x10") for number in range(1, 10_001, 2)),
    "small windows": lambda: (frame(WINDOW_UPDATE, 0, b"\x00\x00\x00\x01") for _ in range(5000)),
    "empty data": lambda: iter([begun(1, ended=False), *[frame(DATA, 1)] * 5000]),
    "unknown frames": strange_frames,
}


@pytest.mark.parametrize("flood", PATIENT.values(), ids=PATIENT)
async def test_what_is_only_too_much_harms_nobody(place: World, flood: Callable[[], Iterator[bytes]]) -> None:
    """Whether it ends the connection is not said: what counts is that others do not notice."""
    async with unharmed(place), connect(place) as client:
        await client.send(*flood())
        await client.send(begun(20_001))
        async with asyncio.timeout(5):
            while not client.ended.is_set() and not any(kind == DATA for kind, _, _ in client.received):  # noqa: ASYNC110 - from another process
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("flood", ["pings", "settings", "priorities", "empty data"])
async def test_what_is_far_too_much_ends_the_connection(place: World, flood: str) -> None:
    async with unharmed(place), connect(place) as client:
        await client.send(*PATIENT[flood]())
        for _ in range(3):
            await client.send(*(piece for piece in PATIENT[flood]() if piece[3] != HEADERS))
        assert await client.has_ended(2)
        # None: a client that goes on sending is reset, and its own system throws away what it had not read.
        assert client.error in {ENHANCE_YOUR_CALM, None}


# Requests.


async def test_heads_that_never_end_do_not_stop_others(place: World) -> None:
    async with contextlib.AsyncExitStack() as stack, unharmed(place):
        slow = [await stack.enter_async_context(place.connect()) for _ in range(200)]
        for number in range(10):
            for client in slow:
                await client.send(b"GET / HTTP/1.1\r\nHost: canary.example.com\r\n" if not number else b"X-Slow: 1\r\n")
        async with place.connect() as late:
            assert (await late.ask("GET", HOST)).status == 200


async def test_pipelined_requests_are_answered_in_their_order(place: World) -> None:
    host, origin = await place.new_tenant("pipeline")
    targets = [f"/{number}" for number in range(100)]
    async with unharmed(place), place.connect() as client:
        await client.send(*(request_head("GET", target, [("Host", host)]) for target in targets))
        answered = [(await client.answer()).json["target"] for _ in targets]
    assert answered == targets
    assert [arrival.target for arrival in origin.arrivals] == targets


async def ask_for(place: World, hosts: list[str]) -> list[int]:
    """The statuses of one request for each, ten connections at a time."""

    async def ask_some(client: Http1, some: list[str]) -> list[int]:
        await client.send(*(request_head("GET", "/", [("Host", host)]) for host in some))
        return [(await client.answer()).status for _ in some]

    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(place.connect()) for _ in range(10)]
        parts = await asyncio.gather(*(ask_some(client, hosts[number::10]) for number, client in enumerate(clients)))
    return [status for part in parts for status in part]


async def test_unknown_names_cost_a_call_each_and_push_out_nobody(place: World) -> None:
    names = [f"nobody{number}" for number in range(10 * ABSENCES)]
    asked, hot = place.api.asked, place.api.asked_for("canary")
    async with unharmed(place):
        statuses = await ask_for(place, [f"{name}.example.com" for name in names])
    assert statuses == [404] * len(names)
    assert place.api.asked - asked == len(names), "each name once"
    assert place.api.asked_for("canary") == hot, "the tenant in use is still a hit"
    for name in ("late", "late", names[0]):
        assert (await place.ask("GET", f"{name}.example.com")).status == 404
    assert place.api.asked_for("late") == 1, "remembered"
    assert place.api.asked_for(names[0]) == 2, "forgotten to make room"


async def test_known_names_are_remembered_up_to_the_bound_and_the_hot_one_stays(place: World) -> None:
    origin = await place.origin()
    place.api.default = known([route(origin.port)])
    hot = place.api.asked_for("canary")
    try:
        async with unharmed(place):
            statuses = await ask_for(place, [f"name{number}.example.com" for number in range(CACHE_ENTRIES + 100)])
    finally:
        place.api.default = UNKNOWN
    assert set(statuses) == {200}
    assert total(await place.gateway.metrics(), "gateway_route_cache_entries") == CACHE_ENTRIES
    assert place.api.asked_for("canary") == hot, "the one that is used last goes last"


async def test_names_that_cannot_be_right_never_reach_the_api(place: World) -> None:
    bad = [f"{'x' * 60}_{number}.example.com" for number in range(200)]
    foreign = [f"name{number}.elsewhere.org" for number in range(200)]
    asked = place.api.asked
    async with unharmed(place):
        statuses = await ask_for(place, [*bad, *foreign])
    assert set(statuses) == {400, 404}
    assert place.api.asked == asked


async def test_connections_that_come_and_go_leave_nothing_behind(place: World) -> None:
    async def descriptors() -> float:
        return total(await place.gateway.metrics(), "process_open_fds")

    before = await descriptors()
    async with unharmed(place):
        for _ in range(5):
            async with contextlib.AsyncExitStack() as stack:
                for _ in range(60):
                    client = await stack.enter_async_context(place.connect())
                    await client.send(b"GET / HTTP/1.1\r\n")
    async with asyncio.timeout(5):
        while await descriptors() > before + 5:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.1)
