"""Laws of size and number: what is over a limit is refused, and costs no upstream anything (CONTRACT parts 6 and 7)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.rig.answer import Answer
from tests.rig.call import chunk
from tests.rig.certificates import Authority
from tests.rig.http1_client import ConnectionEndedError, Http1, request_head
from tests.rig.http2_client import StreamBrokenError
from tests.rig.patience import eventually
from tests.rig.ports import LOOPBACK
from tests.rig.samples import total
from tests.rig.world import World, world

HEAD, FIELDS, TARGET, BODY = 4096, 20, 1024, 100_000
CONNECTIONS = 5
NEIGHBOUR = "127.0.0.2"
"""Another client, as far as the gateway can tell: all of 127/8 is this machine."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    async with world(
        tmp_path_factory.mktemp("limits"),
        authority,
        MAX_HEADER_SIZE=str(HEAD),
        MAX_HEADER_FIELDS=str(FIELDS),
        MAX_TARGET_SIZE=str(TARGET),
        MAX_BODY_SIZE=str(BODY),
    ) as here:
        yield here


# Heads.


@dataclass(frozen=True, slots=True)
class Head:
    """A head at a limit, and what becomes of it. The gateway counts `Host` or the pseudo-fields with the rest."""

    status: int
    target: str = "/"
    fields: tuple[tuple[str, str], ...] = ()


def many(count: int) -> tuple[tuple[str, str], ...]:
    return tuple((f"x-{number}", "1") for number in range(count))


HEADS = {
    "a large head": Head(200, fields=(("x-large", "l" * (HEAD - 500)),)),
    "a head too large": Head(431, fields=(("x-large", "l" * (HEAD + 1)),)),
    "a head too large in small pieces": Head(431, fields=tuple((f"x-{number}", "l" * 500) for number in range(10))),
    "many fields": Head(200, fields=many(FIELDS - 5)),
    "too many fields": Head(431, fields=many(FIELDS + 1)),
    "a long target": Head(200, target="/" + "t" * (TARGET - 1)),
    "a target too long": Head(414, target="/" + "t" * TARGET),
    "a query too long": Head(414, target="/?" + "q" * TARGET),
}


@pytest.mark.parametrize("modern", [False, True], ids=["http1", "http2"])
@pytest.mark.parametrize("name", HEADS)
async def test_a_head_is_judged_by_its_size(place: World, name: str, modern: bool) -> None:
    row = HEADS[name]
    host, origin = await place.new_tenant(f"head{list(HEADS).index(name)}{modern}".lower())
    async with place.connect_http2(host) if modern else place.connect() as client:
        answer = await client.ask("GET", host, row.target, *row.fields)
    assert answer.status == row.status
    assert len(origin.arrivals) == (row.status == 200)
    line = (await place.gateway.access_lines(answer.one("x-request-id")))[0]
    assert line["status"] == row.status


async def test_over_http2_a_head_too_large_leaves_its_neighbours_alone(place: World) -> None:
    host, _ = await place.new_tenant("neighbours")
    async with place.connect_http2(host) as client:
        for row in (HEADS["a head too large"], HEADS["too many fields"], HEADS["a target too long"]):
            assert (await client.ask("GET", host, row.target, *row.fields)).status == row.status
            assert (await client.ask("GET", host)).status == 200


async def test_a_head_too_large_is_refused_before_it_has_come(place: World) -> None:
    async with place.connect() as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: alice.example.com\r\nX-Endless: " + b"e" * (2 * HEAD))
        answer = await client.answer()
        assert (answer.status, answer.code) == (431, "HEADERS_TOO_LARGE")
        assert await client.at_end()


# Bodies.


async def test_a_body_of_just_the_limit_is_carried(place: World) -> None:
    host, origin = await place.new_tenant("justfits")
    answers = [
        await place.ask("PUT", host, body=b"b" * BODY),
        await chunked(place, host, b"b" * BODY),
        await modern(place, host, b"b" * BODY, known=True),
        await modern(place, host, b"b" * BODY, known=False),
    ]
    assert [(answer.status, answer.json["size"]) for answer in answers] == [(200, BODY)] * 4
    assert len(origin.arrivals) == 4


async def chunked(place: World, host: str, body: bytes) -> Answer:
    async with place.connect() as client:
        return await client.upload("PUT", host, "/", [body[:BODY], body[BODY:]] if body[BODY:] else [body])


async def modern(place: World, host: str, body: bytes, *, known: bool) -> Answer:
    async with place.connect_http2(host) as client:
        stream = client.begin("PUT", host, "/", *([("content-length", str(len(body)))] if known else []))
        await client.send(stream, [body])
        return await client.answer(stream)


async def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(place: World) -> None:
    host, origin = await place.new_tenant("announced")
    async with place.connect() as client:
        await client.send(request_head("PUT", "/", [("Host", host), ("Content-Length", str(BODY + 1))]))
        answer = await client.answer("PUT")
    assert (answer.status, answer.code) == (413, "BODY_TOO_LARGE")
    async with place.connect_http2(host) as client2:
        stream = client2.begin("PUT", host, "/", ("content-length", str(BODY + 1)))
        await asyncio.wait_for(stream.headed.wait(), 5)
        assert stream.answer
        assert stream.answer.status == 413
        assert (await client2.ask("GET", host)).status == 200
    assert [arrival.method for arrival in origin.arrivals] == ["GET"]


async def test_a_client_that_asks_first_is_told_413_instead_of_100(place: World) -> None:
    host, origin = await place.new_tenant("asksfirst")
    fields = [("Host", host), ("Content-Length", str(BODY + 1)), ("Expect", "100-continue")]
    async with place.connect() as client:
        await client.send(request_head("PUT", "/", fields))
        answer = await client.answer("PUT")
    assert (answer.status, answer.interim) == (413, [])
    assert not origin.arrivals


@pytest.mark.parametrize("secure", [False, True], ids=["http1", "http2"])
async def test_a_body_that_grows_too_large_is_never_whole_for_the_upstream(place: World, secure: bool) -> None:
    host, origin = await place.new_tenant(f"grows{secure}".lower())
    with contextlib.suppress(StreamBrokenError, ConnectionEndedError, ConnectionError):
        body = b"b" * (BODY + 1)
        answer = await (modern(place, host, body, known=False) if secure else chunked(place, host, body))
        assert (answer.status, answer.code) == (413, "BODY_TOO_LARGE")
    await eventually(lambda: origin.arrivals, "the upstream has seen the head")
    assert [arrival.complete for arrival in origin.arrivals] == [False]
    assert origin.arrivals[0].body.size <= BODY
    assert not origin.wire.endswith(b"0\r\n\r\n")


async def test_one_endless_chunk_is_cut_off_at_the_limit(place: World) -> None:
    host, origin = await place.new_tenant("endless")
    async with place.connect() as client:
        await client.send(request_head("PUT", "/", [("Host", host), ("Transfer-Encoding", "chunked")]))
        await client.send(b"7fffffff\r\n" + b"b" * (4 * BODY))
        answer = await client.answer("PUT")
        assert (answer.status, answer.code) == (413, "BODY_TOO_LARGE")
        assert await client.at_end()
    assert len(origin.wire) <= BODY + 64 * 1024


async def test_chunk_lines_and_trailers_are_bounded_too(place: World) -> None:
    host, origin = await place.new_tenant("framing")
    for endless in (b"5;" + b"e" * 200_000, b"0\r\nX-Trailer: " + b"t" * 200_000, chunk(b"b") + b"1" * 200_000):
        async with place.connect() as client:
            await client.send(request_head("PUT", "/", [("Host", host), ("Transfer-Encoding", "chunked")]) + endless)
            answer = await client.answer("PUT")
            assert answer.status in {400, 413, 431}
            assert await client.at_end()
    assert not any(arrival.complete for arrival in origin.arrivals)


# Connections.


@contextlib.asynccontextmanager
async def connected(port: int, source: str = LOOPBACK) -> AsyncIterator[Http1]:
    """A connection from that address."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port, local_addr=(source, 0))
    try:
        yield Http1(reader, writer)
    finally:
        writer.transport.abort()


async def admitted(client: Http1, host: str) -> bool:
    """Whether the connection serves; a refused one ends without a word."""
    try:
        return (await client.ask("GET", host)).status == 200
    except (ConnectionError, OSError):
        return False


async def crowd(stack: contextlib.AsyncExitStack, here: World, host: str, source: str = LOOPBACK) -> list[Http1]:
    """As many connections as are allowed, all in use."""
    clients = [await stack.enter_async_context(connected(here.gateway.port, source)) for _ in range(CONNECTIONS)]
    assert [await admitted(client, host) for client in clients] == [True] * CONNECTIONS
    return clients


async def test_over_the_most_connections_a_new_one_is_refused_until_another_ends(
    tmp_path: Path, authority: Authority
) -> None:
    async with world(tmp_path, authority, MAX_CONNECTIONS=str(CONNECTIONS)) as here:
        host, origin = await here.new_tenant("alice")
        async with contextlib.AsyncExitStack() as stack:
            clients = await crowd(stack, here, host)
            async with here.connect() as extra:
                assert not await admitted(extra, host)
            assert await admitted(clients[0], host)
            clients[1]._writer.transport.abort()
            await asyncio.sleep(0.2)
            async with here.connect() as extra:
                assert await admitted(extra, host)
        await asyncio.sleep(0.2)
        assert total(await here.gateway.metrics(), "gateway_connections_refused_total", reason="capacity") == 1
        assert len(origin.arrivals) == CONNECTIONS + 2


async def test_at_capacity_the_admin_port_still_answers(tmp_path: Path, authority: Authority) -> None:
    async with world(tmp_path, authority, MAX_CONNECTIONS=str(CONNECTIONS)) as here:
        host, _ = await here.new_tenant("alice")
        async with contextlib.AsyncExitStack() as stack:
            await crowd(stack, here, host)
            async with connected(here.gateway.admin_port) as operator:
                assert (await operator.ask("GET", "admin", "/_health")).status == 200


@pytest.mark.parametrize("trusted", ["", f"{LOOPBACK}/32"], ids=["a stranger", "a trusted proxy"])
async def test_one_address_cannot_take_all_connections_unless_it_is_a_proxy(
    tmp_path: Path, authority: Authority, trusted: str
) -> None:
    async with world(
        tmp_path, authority, MAX_CONNECTIONS_PER_ADDRESS=str(CONNECTIONS), TRUSTED_PROXIES=trusted
    ) as here:
        host, _ = await here.new_tenant("alice")
        async with contextlib.AsyncExitStack() as stack:
            await crowd(stack, here, host)
            async with here.connect() as extra:
                assert await admitted(extra, host) == bool(trusted)
            async with connected(here.gateway.port, NEIGHBOUR) as neighbour:
                assert await admitted(neighbour, host)


# Rates.


async def test_behind_a_trusted_proxy_the_client_is_counted_and_not_the_proxy(
    tmp_path: Path, authority: Authority
) -> None:
    async with world(tmp_path, authority, RATE_LIMIT="1", TRUSTED_PROXIES=f"{LOOPBACK}/32") as here:
        host, origin = await here.new_tenant("alice")

        async def statuses(count: int, client_address: str) -> list[int]:
            async with here.connect() as proxy:
                fields = ("X-Forwarded-For", client_address)
                return [(await proxy.ask("GET", host, "/", fields)).status for _ in range(count)]

        greedy = await statuses(14, "198.51.100.1")
        assert greedy[:10] == [200] * 10
        assert greedy[11:] == [429] * 3, "ten at once, and one a second"
        assert await statuses(8, "198.51.100.2") == [200] * 8
        assert (await statuses(1, "203.0.113.9, 198.51.100.1")) == [429], "what the client wrote itself is not believed"
        assert len(origin.arrivals) == greedy.count(200) + 8


async def test_a_stranger_cannot_name_itself_anew_to_escape_the_rate(tmp_path: Path, authority: Authority) -> None:
    async with world(tmp_path, authority, RATE_LIMIT="1") as here:
        host, _ = await here.new_tenant("alice")
        async with here.connect() as client:
            got = [
                (await client.ask("GET", host, "/", ("X-Forwarded-For", f"198.51.100.{number}"))).status
                for number in range(15)
            ]
        assert got.count(429) >= 3
        async with connected(here.gateway.port, NEIGHBOUR) as neighbour:
            assert await admitted(neighbour, host)
