"""Laws of time: every wait has an end, and bytes that mean nothing do not move it (CONTRACT part 7, FAULTS 16 and 18)."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from wsproto.events import Ping, Pong

from tests.rig import behaviours
from tests.rig.call import Behaviour, Call, chunk
from tests.rig.certificates import Authority
from tests.rig.gateway import bad_signs
from tests.rig.http1_client import Http1, request_head
from tests.rig.http2_client import StreamBrokenError
from tests.rig.patience import eventually
from tests.rig.payload import MIB, blocks
from tests.rig.samples import total
from tests.rig.websocket_client import WebSocket
from tests.rig.websocket_origin import echo_websocket
from tests.rig.world import World, world

HEADER, KEEPALIVE, IDLE, FIRST_BYTE, TUNNEL, HANDSHAKE = 0.5, 0.6, 0.8, 0.5, 0.6, 0.4
LATENESS = 1.0
"""A deadline is seen at the next sweep, a quarter of the shortest; the rest is for a busy machine."""
AT_MOST = HEADER + HANDSHAKE + LATENESS
STALLS_FOR = 30.0
SENT = 100


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    async with world(
        tmp_path_factory.mktemp("deadlines"),
        authority,
        HEADER_TIMEOUT=f"{HEADER}s",
        KEEPALIVE_TIMEOUT=f"{KEEPALIVE}s",
        IDLE_TIMEOUT=f"{IDLE}s",
        FIRST_BYTE_TIMEOUT=f"{FIRST_BYTE}s",
        TUNNEL_IDLE_TIMEOUT=f"{TUNNEL}s",
        HANDSHAKE_TIMEOUT=f"{HANDSHAKE}s",
    ) as here:
        yield here


@contextlib.contextmanager
def lasting(seconds: float, most: float | None = None) -> Iterator[None]:
    """The block takes as long as a deadline, and not much longer."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    yield
    took = loop.time() - start
    assert seconds - 0.1 <= took <= (most or seconds) + LATENESS, f"{took:.2f} s"


# Heads and connections.


async def test_half_a_head_is_answered_408_and_ends_the_connection(place: World) -> None:
    async with place.connect() as client:
        with lasting(HEADER):
            await client.send(b"GET / HTTP/1.1\r\nHost: alice.exam")
            answer = await client.answer()
        assert (answer.status, answer.code) == (408, "REQUEST_TIMEOUT")
        assert answer.one("connection").lower() == "close"
        assert await client.at_end()


async def test_a_head_that_trickles_has_no_more_time_than_one_that_stops(place: World) -> None:
    async with place.connect() as client:
        trickling = asyncio.gather(trickle(client))
        with lasting(HEADER):
            answer = await client.answer()
        trickling.cancel()
    assert (answer.status, answer.code) == (408, "REQUEST_TIMEOUT")


async def trickle(client: Http1) -> None:
    await client.send(b"GET / HTTP/1.1\r\n")
    for number in range(100):
        await asyncio.sleep(0.1)
        await client.send(f"X-{number}: 1\r\n".encode())


@pytest.mark.parametrize("sent", [b"", b"\r\n"], ids=["nothing", "an empty line"])
async def test_a_connection_on_which_no_request_comes_is_ended(place: World, sent: bytes) -> None:
    async with place.connect() as client:
        with lasting(HEADER):
            await client.send(sent)
            assert await client.at_end() or sent


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_an_idle_kept_connection_is_ended(place: World, secure: bool) -> None:
    host, _ = await place.new_tenant(f"idle{secure}".lower())
    async with place.connect_tls(host) if secure else place.connect() as client:
        for _ in range(2):
            assert (await client.ask("GET", host)).status == 200
            await asyncio.sleep(KEEPALIVE / 2)  # time that a later request does not inherit
        assert (await client.ask("GET", host)).status == 200
        with lasting(KEEPALIVE):
            assert await client.at_end()


async def test_an_idle_http2_connection_is_told_to_go_away(place: World) -> None:
    host, _ = await place.new_tenant("idlemodern")
    async with place.connect_http2(host) as client:
        assert (await client.ask("GET", host)).status == 200
        with lasting(KEEPALIVE):
            await eventually(lambda: client.ended, "GOAWAY")
        assert client.ended == "GOAWAY 0"


async def test_half_an_http2_head_is_not_waited_for_for_ever(place: World) -> None:
    host, _ = await place.new_tenant("halfhead")
    async with place.connect_http2(host) as client:
        assert (await client.ask("GET", host)).status == 200
        # HEADERS, stream 3, no flags: END_HEADERS is missing, so CONTINUATION must follow (RFC 9113 6.10).
        client._writer.write(b"\x00\x00\x01\x01\x00\x00\x00\x00\x03\x82")
        with lasting(KEEPALIVE):
            await eventually(lambda: client.ended, "the end")
        assert client.ended == "GOAWAY 0"


# TLS.


def client_hello(place: World) -> bytes:
    """What a client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = place.authority.trusting("http/1.1").wrap_bio(incoming, outgoing, server_hostname="alice.example.com")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


async def gone(client: Http1) -> None:
    """Returns when the gateway has ended the connection, whatever it says before."""
    with contextlib.suppress(ConnectionError):
        while await client._reader.read(1 << 16):
            pass


@pytest.mark.parametrize("length", [1, 100, None], ids=["one byte", "half a hello", "a hello and no more"])
async def test_a_handshake_that_stalls_is_ended(place: World, length: int | None) -> None:
    async with asyncio.timeout(AT_MOST), Http1.connect(place.gateway.tls_port) as client:
        with lasting(HANDSHAKE):
            await client.send(client_hello(place)[:length])
            await gone(client)


async def test_a_client_that_never_begins_a_handshake_is_ended(place: World) -> None:
    async with asyncio.timeout(AT_MOST), Http1.connect(place.gateway.tls_port) as client:
        with lasting(HANDSHAKE, HEADER):
            await gone(client)


async def test_a_handshake_that_begins_late_and_stalls_is_ended(place: World) -> None:
    async with asyncio.timeout(AT_MOST), Http1.connect(place.gateway.tls_port) as client:
        await asyncio.sleep((HEADER + HANDSHAKE) / 2)  # past the one deadline, short of the other
        await client.send(client_hello(place)[:100])
        await gone(client)


async def test_a_finished_handshake_is_followed_by_the_deadline_of_a_head(place: World) -> None:
    async with place.connect_tls("alice.example.com") as client:
        with lasting(HEADER):
            assert await client.at_end()


# Bodies of requests.


@dataclass(frozen=True, slots=True)
class Upload:
    """A request whose body stops coming."""

    framing: tuple[str, str]
    sent: bytes
    tenant: str = "upload"
    expected: int = 408


UPLOADS = {
    "a large one": Upload(("Content-Length", "1000000"), b"u" * SENT),
    "a small one": Upload(("Content-Length", "1000"), b"u" * SENT),
    "chunks": Upload(("Transfer-Encoding", "chunked"), chunk(b"u" * SENT)),
    "half a chunk": Upload(("Transfer-Encoding", "chunked"), b"100\r\nu"),
    "a large one to nobody": Upload(("Content-Length", "1000000"), b"", "nobody", 404),
    "a small one to nobody": Upload(("Content-Length", "1000"), b"", "nobody", 404),
}


@pytest.mark.parametrize("upload", UPLOADS.values(), ids=UPLOADS)
async def test_a_body_that_stops_coming_is_answered_and_ends_the_connection(place: World, upload: Upload) -> None:
    if upload.tenant not in place.api.tenants and upload.expected != 404:
        await place.new_tenant(upload.tenant)
    host = f"{upload.tenant}.example.com"
    async with place.connect() as client:
        await client.send(request_head("PUT", "/", [("Host", host), upload.framing]) + upload.sent)
        with lasting(IDLE if upload.expected == 408 else 0.0):
            answer = await client.answer("PUT")
        assert answer.status == upload.expected
        assert await client.at_end(IDLE + LATENESS), "the connection waits for the body for ever"


async def test_a_body_that_comes_slowly_is_carried_to_its_end(place: World) -> None:
    host, origin = await place.new_tenant("slowbody")
    async with place.connect() as client:
        await client.send(request_head("PUT", "/", [("Host", host), ("Content-Length", "5")]))
        for _ in range(5):
            await asyncio.sleep(IDLE / 2)
            await client.send(b"u")
        answer = await client.answer("PUT")
    assert (answer.status, answer.json["size"]) == (200, 5)
    assert len(origin.arrivals) == 1


async def test_over_http2_a_body_that_stops_coming_is_answered_408(place: World) -> None:
    host, origin = await place.new_tenant("slowmodern")
    async with place.connect_http2(host) as client:
        stream = client.begin("PUT", host)
        with lasting(IDLE):
            await client._send_piece(stream, b"u" * SENT)
            await asyncio.wait_for(stream.headed.wait(), IDLE + LATENESS)
        assert stream.answer
        assert stream.answer.status == 408
        assert (await client.ask("GET", host)).status == 200
    assert not origin.arrivals[0].complete


async def test_over_http2_an_upstream_that_does_not_take_a_body_is_504(place: World) -> None:
    host, _ = await place.new_tenant("untaken", behaviours.silence)
    async with place.connect_http2(host) as client:
        stream = client.begin("PUT", host)
        sending = asyncio.gather(client.send(stream, blocks(64 * MIB)))
        async with asyncio.timeout(10):
            await stream.headed.wait()
        sending.cancel()
        assert stream.answer
        assert stream.answer.status == 504
        line = (await place.gateway.access_lines(stream.answer.one("x-request-id")))[0]
        assert line["code"] == "UPSTREAM_TIMEOUT"
        lively, _ = await place.new_tenant("livelytoo")
        assert (await client.ask("GET", lively)).status == 200


# Answers.


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_upstream_that_does_not_answer_in_time_is_504(place: World, method: str) -> None:
    host, origin = await place.new_tenant(f"silent{method}".lower(), behaviours.slow(STALLS_FOR))
    body = b"order" if method == "POST" else None
    async with place.connect() as client:
        with lasting(FIRST_BYTE):
            answer = await client.ask(method, host, body=body)
        assert (answer.status, answer.code) == (504, "UPSTREAM_TIMEOUT")
        origin.behaviour = behaviours.describe
        assert (await client.ask("GET", host)).status == 200
    assert len(origin.arrivals) == 2, "a request that may have been heard is not sent again"


async def test_an_upstream_that_answers_just_in_time_is_waited_for(place: World) -> None:
    host, _ = await place.new_tenant("intime", behaviours.slow(FIRST_BYTE * 0.7))
    assert (await place.ask("GET", host)).status == 200


def stall(*head: tuple[str, str], first: bytes = b"s" * SENT) -> Behaviour:
    """The start of an answer, then nothing."""

    async def answer(call: Call) -> None:
        await call.drain()
        await call.head(200, *head)
        await call.send(first)
        await asyncio.sleep(STALLS_FOR)

    return answer


STALLS = {
    "a length": stall(("Content-Length", "1000")),
    "chunks": stall(("Transfer-Encoding", "chunked"), first=chunk(b"s" * SENT)),
    "the connection's end": stall(("Connection", "close")),
}


@pytest.mark.parametrize("framing", STALLS)
async def test_an_answer_that_stalls_is_cut_and_never_looks_whole(place: World, framing: str) -> None:
    host, _ = await place.new_tenant(f"stall{list(STALLS).index(framing)}", STALLS[framing])
    async with place.connect() as client:
        with lasting(IDLE):
            answer = await client.ask("GET", host)
    assert (answer.status, answer.whole, answer.tally.size) == (200, False, SENT)
    line = (await place.gateway.access_lines(answer.one("x-request-id")))[0]
    assert line["code"] == "UPSTREAM_TIMEOUT"


async def test_over_http2_an_answer_that_stalls_is_cut_and_its_neighbours_live(place: World) -> None:
    host, _ = await place.new_tenant("stallmodern", STALLS["a length"])
    lively, _ = await place.new_tenant("lively")
    async with place.connect_http2(host) as client:
        stalled = client.begin("GET", host, ended=True)
        with lasting(IDLE), pytest.raises(StreamBrokenError, match="RST_STREAM"):
            await client.answer(stalled)
        assert (await client.ask("GET", lively)).status == 200


async def test_an_answer_that_trickles_is_carried_to_its_end(place: World) -> None:
    host, _ = await place.new_tenant("trickling", behaviours.trickle(b"12345", IDLE / 2))
    answer = await place.ask("GET", host)
    assert (answer.whole, answer.text) == (True, "12345")


async def test_a_client_that_stops_reading_is_not_waited_for_for_ever(place: World) -> None:
    host, _ = await place.new_tenant("unread", behaviours.download(64 << 20))
    async with place.connect() as client:
        await client.send(request_head("GET", "/", [("Host", host)]))
        await in_flight(place, lambda count: count == 2)  # this request, and the one for the metrics
        with lasting(IDLE, IDLE + LATENESS):
            await in_flight(place, lambda count: count == 1)
        assert not (await client.answer()).whole


async def in_flight(place: World, enough: Callable[[float], bool]) -> None:
    """Returns once so many requests are in flight."""
    async with asyncio.timeout(10):
        while not enough(total(await place.gateway.metrics(), "gateway_exchanges_in_flight")):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)


# WebSockets.


async def test_an_idle_websocket_is_ended(place: World) -> None:
    host, _ = await place.new_tenant("idlesocket", echo_websocket)
    async with WebSocket.connect(place.gateway.port, host) as socket:
        await socket.accepted()
        with lasting(TUNNEL):
            assert await socket.closed() == 1006
    assert not bad_signs(place.gateway.log)


async def test_a_ping_keeps_a_websocket_alive(place: World) -> None:
    host, _ = await place.new_tenant("pinging", echo_websocket)
    async with WebSocket.connect(place.gateway.port, host) as socket:
        await socket.accepted()
        for _ in range(4):
            await asyncio.sleep(TUNNEL / 2)
            await socket.send(Ping(payload=b"alive"))
            assert isinstance(await socket.expect(), Pong)


# At the end nobody is left behind.


async def test_no_request_is_left_in_flight(place: World) -> None:
    await in_flight(place, lambda count: count == 1)
