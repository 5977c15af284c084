"""Laws of HTTP/2 on the fast path: WebSockets over streams, gRPC to its end, and windows that hold on both sides."""

import asyncio
import contextlib
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from tests.rig import behaviours
from tests.rig.api import route
from tests.rig.call import Call
from tests.rig.certificates import Authority
from tests.rig.h2_fields import as_text
from tests.rig.http2_client import Http2, Stream, StreamBrokenError
from tests.rig.http2_frames import (
    ACK,
    DATA,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Frames,
    field_block,
    frame,
    goodbye,
    request,
)
from tests.rig.listener import Listener
from tests.rig.origin import Origin
from tests.rig.patience import NeverHappenedError, eventually
from tests.rig.payload import MIB, Tally, blocks, digest_of
from tests.rig.websocket_origin import echo_websocket
from tests.rig.world import World, world

pytestmark = pytest.mark.chooses_its_way

HELD = 256 * MIB
INITIAL_WINDOW_SIZE, HEADER_TABLE_SIZE = 4, 1


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("fasthttp2"), authority, TRAFFIC_PATH="fast") as here:
        yield here


# WebSockets (RFC 8441).


def connect(host: str, *more: tuple[str, str], protocol: str = "websocket") -> list[tuple[str, str]]:
    """An extended CONNECT."""
    pseudo = [(":method", "CONNECT"), (":protocol", protocol), (":scheme", "https"), (":path", "/chat")]
    return [*pseudo, (":authority", host), *(more or (("sec-websocket-version", "13"),))]


async def headed(stream: Stream) -> int:
    """The status of the answer."""
    async with asyncio.timeout(5):
        await stream.headed.wait()
    assert stream.answer
    return stream.answer.status


async def heard(stream: Stream, size: int) -> bytes:
    """Once so many bytes have come."""
    assert stream.answer
    answer = stream.answer
    await eventually(lambda: len(answer.body) >= size, f"{size} bytes")
    return bytes(answer.body)


async def test_a_websocket_over_a_stream_is_an_upgrade_to_its_upstream(place: World) -> None:
    host, origin = await place.new_tenant("chat", echo_websocket)
    socket = Connection(ConnectionType.CLIENT)
    async with place.connect_http2(host) as client:
        stream = client.begin_raw(
            connect(host, ("sec-websocket-version", "13"), ("sec-websocket-protocol", "v2.chat")), ended=False
        )
        assert await headed(stream) == 200
        assert stream.answer
        assert stream.answer.all("sec-websocket-protocol") == ["v2.chat"]
        assert not stream.answer.all("sec-websocket-accept") + stream.answer.all("upgrade")
        for text in ("hello", "\N{SNOWMAN}" * 1000):
            stream.answer.body.clear()
            await client._send_piece(stream, socket.send(TextMessage(data=text)))
            # From a server: two bytes of head, four from 126 bytes on (RFC 6455 5.2).
            socket.receive_data(await heard(stream, len(text.encode()) + 2))
            assert [event.data for event in socket.events() if isinstance(event, TextMessage)] == [text]
        await client.send(stream, [])
        assert (await client.answer(stream)).whole
    assert (origin.last.method, origin.last.target) == ("GET", "/chat")
    assert origin.last.one("upgrade") == "websocket"
    line = (await place.gateway.access_lines(stream.answer.one("x-request-id")))[0]
    assert (line["method"], line["status"], line["upgrade"]) == ("CONNECT", 101, "websocket")
    assert line["bytesReceived"] > 3000


async def test_a_websocket_is_one_stream_among_others(place: World) -> None:
    host, _ = await place.new_tenant("chatting", echo_websocket)
    other, _ = await place.new_tenant("reading")
    async with place.connect_http2(host) as client:
        stream = client.begin_raw(connect(host), ended=False)
        assert await headed(stream) == 200
        assert (await client.ask("GET", other)).status == 200
        client.cancel(stream)
        assert (await client.ask("GET", other)).status == 200


async def wrong_accept(call: Call) -> None:
    await call.head(
        101,
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    )
    await asyncio.sleep(1)
    call.hang_up()


NO_WEBSOCKET = {
    "another handshake's accept": (wrong_accept, 502),
    "success without an upgrade": (behaviours.describe, 502),
    "refused": (behaviours.refuse_upgrade, 403),
}


@pytest.mark.parametrize("name", NO_WEBSOCKET)
async def test_no_2xx_where_there_is_no_websocket(place: World, name: str) -> None:
    behaviour, status = NO_WEBSOCKET[name]
    host, origin = await place.new_tenant(f"chat{list(NO_WEBSOCKET).index(name)}", behaviour)
    async with place.connect_http2(host) as client:
        assert await headed(client.begin_raw(connect(host), ended=False)) == status
        assert (await client.ask("GET", host, "/_health")).status == 200, "the connection lives on"
    assert len(origin.arrivals) == 1


def to_own_page(host: str) -> list[tuple[str, str]]:
    return [(name, "/_health" if name == ":path" else value) for name, value in connect(host)]


UNCARRIED: dict[str, Callable[[str], list[tuple[str, str]]]] = {
    "another protocol": lambda host: connect(host, protocol="connect-udp"),
    "another version": lambda host: connect(host, ("sec-websocket-version", "8")),
    "a page of the gateway's": to_own_page,
}


@pytest.mark.parametrize("name", UNCARRIED)
async def test_what_is_no_websocket_is_refused(place: World, name: str) -> None:
    host, origin = await place.new_tenant(f"uncarried{list(UNCARRIED).index(name)}")
    async with place.connect_http2(host) as client:
        assert await headed(client.begin_raw(UNCARRIED[name](host), ended=False)) == 400
        assert (await client.ask("GET", host)).status == 200, "the connection lives on"
    assert len(origin.arrivals) == 1


# gRPC: HTTP/2 on both sides.


class Rpc(Listener):
    """An HTTP/2 upstream: each stream's body comes back as it comes, then its trailers; `act` may do otherwise."""

    def __init__(
        self, authority: Authority, name: str, act: "Callable[[H2Connection, int], None] | None" = None
    ) -> None:
        super().__init__(authority.serving(name, alpn=("h2",)))
        self._act = act
        self.heads: list[dict[str, str]] = []
        self.trailers: list[list[tuple[str, str]]] = []
        self.received = Tally()
        self.resets: list[int] = []

    async def serve(self, reader: StreamReader, writer: StreamWriter, connection: int) -> None:  # noqa: ARG002 - the base's
        h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        h2.initiate_connection()
        waiting: dict[int, bytes] = {}
        while True:
            writer.write(h2.data_to_send())
            await writer.drain()
            if not (data := await reader.read(1 << 16)):
                return
            for event in h2.receive_data(data):
                self._take(h2, event, waiting)
            for stream in list(waiting):
                self._send(h2, stream, waiting)

    def _take(self, h2: H2Connection, event: events.Event, waiting: dict[int, bytes]) -> None:
        match event:
            case events.RequestReceived(stream_id=int(stream), headers=list(headers)):
                self.heads.append(dict(as_text(headers)))
                if self._act:
                    self._act(h2, stream)
                else:
                    h2.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
            case events.DataReceived(stream_id=int(stream), data=bytes(data)):
                self.received.add(data)
                waiting[stream] = waiting.get(stream, b"") + data
            case events.TrailersReceived(headers=list(headers)):
                self.trailers.append(as_text(headers))
            case events.StreamEnded(stream_id=int(stream)) if self._act is None:
                waiting[-stream] = b""
            case events.StreamReset(stream_id=int(stream)):
                self.resets.append(stream)
            case _:
                pass

    def _send(self, h2: H2Connection, stream: int, waiting: dict[int, bytes]) -> None:
        """Echo as the window lets, and open the sender's window only then."""
        if stream < 0:
            if -stream not in waiting:
                h2.send_headers(-stream, [("grpc-status", "0"), ("x-forwarded-for", "9.9.9.9")], end_stream=True)
                del waiting[stream]
            return
        with contextlib.suppress(KeyError):
            while waiting[stream] and not self._act:
                room = min(h2.local_flow_control_window(stream), h2.max_outbound_frame_size)
                if room <= 0:
                    return
                piece, waiting[stream] = waiting[stream][:room], waiting[stream][room:]
                h2.send_data(stream, piece)
                h2.acknowledge_received_data(len(piece), stream)
            del waiting[stream]


@contextlib.asynccontextmanager
async def rpc(
    place: World, tenant: str, act: "Callable[[H2Connection, int], None] | None" = None
) -> AsyncIterator[tuple[str, Rpc]]:
    """A tenant whose upstream speaks HTTP/2."""
    async with Rpc(place.authority, f"{tenant}.{place.domain}", act) as origin:
        yield place.tenant(tenant, route(origin.port, scheme="https")), origin


def call(client: Http2, host: str, *fields: tuple[str, str], hold: bool = False) -> Stream:
    """The head of a gRPC call."""
    return client.begin("POST", host, "/a.Service/Call", ("te", "trailers"), *fields, hold=hold)


async def test_grpc_trailers_pass_in_both_directions(place: World) -> None:
    async with rpc(place, "grpc") as (host, origin), place.connect_http2(host) as client:
        stream = call(client, host, ("content-type", "application/grpc"))
        trailers = [("x-checksum", "abc"), ("x-forwarded-for", "6.6.6.6"), ("host", "bob.example.com")]
        await client.send(stream, [b"\0\0\0\0\5hello"], trailers=trailers)
        answer = await client.answer(stream)
        assert (answer.status, bytes(answer.body)) == (200, b"\0\0\0\0\5hello")
        assert answer.trailers == [("grpc-status", "0")], "what means something in a head means nothing here"
        assert origin.trailers == [[("x-checksum", "abc")]]
        assert origin.heads[0][":authority"] == host
        assert origin.heads[0]["te"] == "trailers"
        assert "host" not in origin.heads[0]


async def test_requests_use_one_upstream_connection_after_each_other(place: World) -> None:
    async with rpc(place, "grpcagain") as (host, origin), place.connect_http2(host) as client:
        for number in range(5):
            answer = await client.answer(client.begin("GET", host, f"/{number}", ("te", "trailers"), ended=True))
            assert answer.trailers == [("grpc-status", "0")]
        assert [head[":path"] for head in origin.heads] == ["/0", "/1", "/2", "/3", "/4"]
        assert origin.connections == 1


async def test_grpc_streams_both_ways_at_once_and_nothing_is_lost(place: World) -> None:
    size = 24 * MIB
    async with rpc(place, "grpclong") as (host, origin), place.connect_http2(host) as client:
        stream = call(client, host)
        await client.send(stream, blocks(size))
        answer = await client.answer(stream, 60)
        assert (answer.tally.size, answer.tally.sha256) == (size, digest_of(size))
        assert (origin.received.size, origin.received.sha256) == (size, digest_of(size))
        assert answer.trailers == [("grpc-status", "0")]


async def test_grpc_whose_client_does_not_read_stops_its_upstream(place: World) -> None:
    size = 16 * MIB
    async with rpc(place, "grpcheld") as (host, origin), place.connect_http2(host) as client:
        stream = call(client, host, hold=True)
        sending = asyncio.gather(client.send(stream, blocks(size)))
        await headed(stream)
        await asyncio.sleep(1)
        assert origin.received.size < 8 * MIB
        assert not stream.done.is_set()
        client.take(stream)
        answer = await client.answer(stream, 60)
        assert (answer.tally.size, answer.tally.sha256) == (size, digest_of(size))
        await sending


async def test_a_grpc_call_that_its_client_cancels_is_cancelled_upstream(place: World) -> None:
    async with rpc(place, "grpccancel") as (host, origin), place.connect_http2(host) as client:
        stream = call(client, host)
        assert await headed(stream) == 200
        client.cancel(stream)
        await eventually(lambda: origin.resets, "the reset at the upstream")


def refuses(h2: H2Connection, stream: int) -> None:
    h2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)


def breaks_off(h2: H2Connection, stream: int) -> None:
    h2.send_headers(stream, [(":status", "200"), ("content-length", "10")])
    h2.send_data(stream, b"12345")
    h2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)


def lies(h2: H2Connection, stream: int) -> None:
    h2.config.validate_outbound_headers = False
    h2.send_headers(stream, [(":status", "200"), ("bad name", "1")], end_stream=True)


def leaves(h2: H2Connection, stream: int) -> None:
    h2._data_to_send += goodbye(stream - 1)


def answers_at_once(h2: H2Connection, stream: int) -> None:
    """A call that failed: one block that is head and trailers."""
    h2.send_headers(stream, [(":status", "200"), ("grpc-status", "12")], end_stream=True)


BAD_UPSTREAMS: dict[str, tuple[Callable[[H2Connection, int], None], int]] = {
    "a reset": (refuses, 502),
    "a field that is none": (lies, 502),
    "a goodbye before the call": (leaves, 502),
    "an answer before the call's end": (answers_at_once, 200),
}


@pytest.mark.parametrize("name", BAD_UPSTREAMS)
async def test_what_an_http2_upstream_may_do_to_a_call(place: World, name: str) -> None:
    act, status = BAD_UPSTREAMS[name]
    tenant = f"grpcbad{list(BAD_UPSTREAMS).index(name)}"
    async with rpc(place, tenant, act) as (host, _), place.connect_http2(host) as client:
        assert await headed(call(client, host)) == status
        assert (await client.ask("GET", host, "/_health")).status == 200


async def test_an_answer_that_breaks_off_is_no_whole_one(place: World) -> None:
    async with rpc(place, "grpccut", breaks_off) as (host, _), place.connect_http2(host) as client:
        stream = call(client, host)
        with pytest.raises(StreamBrokenError, match="RST_STREAM"):
            await client.answer(stream)
        assert (await client.ask("GET", host, "/_health")).status == 200


# Windows.


def opened(stream: int, size: int) -> bytes:
    return frame(WINDOW_UPDATE, stream, struct.pack(">I", size))


def setting(name: int, value: int) -> bytes:
    return frame(SETTINGS, 0, struct.pack(">HI", name, value))


def body(client: Frames, stream: int) -> int:
    """How many bytes of an answer have come."""
    return sum(len(payload) for kind, number, payload in client.received if (kind, number) == (DATA, stream))


@contextlib.asynccontextmanager
async def frames(place: World, host: str) -> AsyncIterator[Frames]:
    async with Frames.connect(place.gateway.tls_port, place.authority.trusting("h2"), host) as client:
        yield client


async def test_an_answer_comes_as_far_as_its_window_and_no_further(place: World) -> None:
    host, _ = await place.new_tenant("narrow", behaviours.download(MIB))
    async with frames(place, host) as client:
        await client.send(setting(INITIAL_WINDOW_SIZE, 0), request(1, host), request(3, host))
        await eventually(lambda: client.count(HEADERS) == 2, "both heads")
        assert body(client, 1) == body(client, 3) == 0
        await client.send(opened(1, 1000))
        await eventually(lambda: body(client, 1) == 1000, "what the first window allows")
        await client.send(setting(INITIAL_WINDOW_SIZE, 500))
        await eventually(lambda: (body(client, 1), body(client, 3)) == (1500, 500), "500 more for each")
        await client.send(opened(3, MIB), opened(0, 2 * MIB))
        await eventually(lambda: body(client, 3) == MIB, "all of the second")
        assert body(client, 1) == 1500


async def test_streams_take_turns(place: World) -> None:
    host, _ = await place.new_tenant("turns", behaviours.download(MIB))
    async with frames(place, host) as client:
        await client.send(setting(INITIAL_WINDOW_SIZE, 0), *(request(stream, host) for stream in (1, 3, 5)))
        await eventually(lambda: client.count(HEADERS) == 3, "the heads")
        await asyncio.sleep(0.3)
        await client.send(opened(0, 4 * MIB) + setting(INITIAL_WINDOW_SIZE, 60_000))
        await eventually(lambda: all(body(client, stream) == 60_000 for stream in (1, 3, 5)), "what the windows allow")
        order = [number for kind, number, _ in client.received if kind == DATA]
        assert sorted(order[:3]) == [1, 3, 5], "a frame each before anybody's second"


async def test_a_client_that_sips_is_fed_at_its_pace(place: World) -> None:
    host, _ = await place.new_tenant("sips", behaviours.download(HELD))
    place.gateway.forget_peak()
    before = place.gateway.rss()
    async with frames(place, host) as client:
        await client.send(setting(INITIAL_WINDOW_SIZE, 65_535), request(1, host))
        for step in range(1, 100):
            await eventually(lambda allowed=65_535 * step: body(client, 1) == allowed, "a window's worth")  # type: ignore[misc]
            await client.send(opened(1, 65_535), opened(0, 65_535))
    assert place.gateway.rss("VmHWM") - before < 32 * MIB


@pytest.mark.parametrize("size", [0, 1 << 31])
async def test_whatever_table_a_client_allows_its_answers_can_be_read(place: World, size: int) -> None:
    host, _ = await place.new_tenant("tables")
    async with place.connect_http2(host) as client:
        client._h2.update_settings({HEADER_TABLE_SIZE: size})
        client._flush()
        for _ in range(3):
            assert (await client.ask("GET", host)).json["method"] == "GET"


async def test_a_client_that_says_goodbye_gets_what_it_has_asked_for(place: World) -> None:
    host, _ = await place.new_tenant("goodbye", behaviours.slow(0.3))
    async with frames(place, host) as client:
        await client.send(frame(SETTINGS, 0, flags=ACK), request(1, host), goodbye())
        await eventually(lambda: body(client, 1), "the answer")
        assert await client.has_ended()


# Clients that take nothing.


async def ask_and_do_not_listen(client: Frames, host: str, origin: Origin, most: int) -> int:
    """How many requests are carried before no more are, fifty at a time."""
    while (count := len(origin.arrivals)) < most:
        await client.send(*(request(stream, host) for stream in range(2 * count + 1, 2 * count + 101, 2)))
        try:
            await eventually(lambda least=count + 50: len(origin.arrivals) >= least, "more", seconds=1)  # type: ignore[misc]
        except NeverHappenedError:
            break
    return len(origin.arrivals)


async def test_a_client_that_asks_and_does_not_listen_is_not_listened_to(place: World) -> None:
    host, origin = await place.new_tenant("unheard", behaviours.big_head(30_000))
    tls = place.authority.trusting("h2")
    place.gateway.forget_peak()
    before = place.gateway.rss()
    async with Frames.connect(place.gateway.tls_port, tls, host, reading=False) as client:
        assert await ask_and_do_not_listen(client, host, origin, most=2000) < 2000
    assert place.gateway.rss("VmHWM") - before < 24 * MIB


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hasty(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    async with world(
        tmp_path_factory.mktemp("hasty"),
        authority,
        IDLE_TIMEOUT="1s",
        KEEPALIVE_TIMEOUT="1s",
        HEADER_TIMEOUT="1s",
        TRAFFIC_PATH="fast",
    ) as here:
        yield here


async def test_an_answer_that_its_client_does_not_take_is_given_up(hasty: World) -> None:
    host, _ = await hasty.new_tenant("untaken", behaviours.status(200, body=b"untaken"))
    async with frames(hasty, host) as client:
        await client.send(setting(INITIAL_WINDOW_SIZE, 0), request(1, host))
        await eventually(lambda: client.count(RST_STREAM, 1), "the reset", seconds=4)
        assert body(client, 1) == 0


QUIET: dict[str, list[bytes]] = {
    "nothing is asked": [],
    "a head never ends": [frame(HEADERS, 1, field_block("quiet.example.com"))],
    "only pings come": [frame(PING, 0, b"12345678")],
}


@pytest.mark.parametrize("sent", QUIET.values(), ids=QUIET)
async def test_a_connection_without_a_request_ends(hasty: World, sent: list[bytes]) -> None:
    host, _ = await hasty.new_tenant("quiet")
    async with frames(hasty, host) as client:
        for _ in range(6):
            await client.send(*sent[:1])
            sent = sent if sent and sent[0][3] == PING else []
            await asyncio.sleep(0.3)
        assert await client.has_ended(3)
        assert client.error == 0


# Uploads.


async def early(call: Call) -> None:
    """An answer before the body, which is not read."""
    await call.reply(413, b"too large", ("Connection", "close"))
    await asyncio.sleep(0.5)
    call.hang_up()


async def refused(client: Http2, host: str, size: int) -> int:
    """The status of an upload that nobody takes; whole it must be, whatever becomes of the stream then."""
    stream = client.begin("PUT", host)
    await client.send(stream, blocks(size))
    async with asyncio.timeout(5):
        await stream.done.wait()
    assert stream.answer
    assert stream.answer.whole
    return stream.answer.status


async def test_an_upload_that_its_upstream_refuses_leaves_the_connection_to_others(place: World) -> None:
    host, _ = await place.new_tenant("early", early)
    other, _ = await place.new_tenant("neighbour")
    async with place.connect_http2(host) as client:
        assert await refused(client, host, 8 * MIB) == 413
        upload = client.begin("PUT", other)
        await client.send(upload, blocks(16 * MIB))
        assert (await client.answer(upload)).json["sha256"] == digest_of(16 * MIB)


async def test_uploads_to_nobody_give_their_window_back(place: World) -> None:
    other, _ = await place.new_tenant("somebody")
    async with place.connect_http2(other) as client:
        for _ in range(20):
            assert await refused(client, "nobodyhere.example.com", 300_000) == 404
        upload = client.begin("PUT", other)
        await client.send(upload, blocks(8 * MIB))
        assert (await client.answer(upload)).json["size"] == 8 * MIB


# Faults.

FAULTY = """
from mesh_gateway.proxy.fast_path.exchange import FastExchange

sound_body, sound_data = FastExchange.body_came, FastExchange.answer_data


def body_came(self, data):
    if self.head.target == "/upload":
        raise RuntimeError("on purpose")
    sound_body(self, data)


def answer_data(self, data):
    if self.head.target == "/download":
        raise RuntimeError("on purpose")
    sound_data(self, data)


FastExchange.body_came, FastExchange.answer_data = body_came, answer_data
"""


@pytest.mark.provokes_fault
async def test_a_fault_in_one_stream_ends_that_stream_and_no_other(tmp_path: Path, authority: Authority) -> None:
    script = tmp_path / "faulty.py"
    script.write_text(FAULTY)
    async with world(tmp_path / "world", authority, options=("-s", str(script)), TRAFFIC_PATH="fast") as here:
        host, _ = await here.new_tenant("alice", behaviours.slow(0.3))
        large, _ = await here.new_tenant("large", behaviours.download(MIB))
        async with here.connect_http2(host) as client:
            running = client.begin("GET", host, ended=True)
            upload = client.begin("PUT", host, "/upload")
            client._h2.send_data(upload.number, b"x")
            client._flush()
            assert await headed(upload) == 500
            assert upload.answer
            line = (await here.gateway.access_lines(upload.answer.one("x-request-id")))[0]
            assert line["code"] == "INTERNAL"
            with pytest.raises(StreamBrokenError, match="RST_STREAM"):
                await client.answer(client.begin("GET", large, "/download", ended=True))
            assert (await client.answer(running)).status == 200
            assert (await client.ask("GET", large)).tally.size == MIB
        assert here.gateway.log.count("RuntimeError: on purpose") == 2
