"""What does the gateway send over HTTP/2? A client with as many streams as asked for, and its own window."""

import asyncio
import contextlib
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from hyperframe.frame import Frame, GoAwayFrame

from mesh_gateway.tasks import Tasks
from tests.rig.answer import Answer
from tests.rig.h2_fields import as_text
from tests.rig.patience import PATIENCE_SECONDS
from tests.rig.ports import LOOPBACK

_PIECE = 1 << 16
_FRAME_HEAD = 9  # RFC 9113 4.1
_WINDOW = 1 << 20


class StreamBrokenError(ConnectionError):
    """The stream was reset, or the connection ended, before the answer was whole."""


@dataclass(slots=True)
class Stream:
    """One request. `answer` is set at its head; `done` when it is whole or `error` says why not."""

    number: int
    hold: bool = False
    """Take no body byte: the window stays shut until `Http2.take`."""
    held: int = 0
    answer: Answer | None = None
    interim: list[int] = field(default_factory=list)
    error: str | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)
    headed: asyncio.Event = field(default_factory=asyncio.Event)


class _Sieve:
    """Takes GOAWAY frames out of what arrives: h2 hears nothing any more behind one, and running streams go on."""

    def __init__(self) -> None:
        self._begun = b""
        self._found: list[GoAwayFrame] = []

    def without_goodbyes(self, data: bytes) -> bytes:
        """The whole frames so far but these."""
        self._begun += data
        kept = bytearray()
        while len(self._begun) >= _FRAME_HEAD:
            frame, length = Frame.parse_frame_header(memoryview(self._begun[:_FRAME_HEAD]))
            end = _FRAME_HEAD + length
            if len(self._begun) < end:
                break
            if isinstance(frame, GoAwayFrame):
                frame.parse_body(memoryview(self._begun[_FRAME_HEAD:end]))
                self._found.append(frame)
            else:
                kept += self._begun[:end]
            self._begun = self._begun[end:]
        return bytes(kept)

    def take(self) -> list[GoAwayFrame]:
        """Those that were found since the last time."""
        found, self._found = self._found, []
        return found


class Http2:
    """One connection. Header fields go out as given: what is wrong in them is for the gateway to refuse."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        config = H2Configuration(
            header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self._h2 = H2Connection(config)
        self._streams: dict[int, Stream] = {}
        self._moved = asyncio.Event()
        self._sieve = _Sieve()
        self.ended: str | None = None
        """Why the connection is over, or takes no further request."""

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(cls, port: int, tls: ssl.SSLContext, sni: str) -> "AsyncIterator[Http2]":
        """A connection for the time of the block; `tls` must offer h2."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(LOOPBACK, port, ssl=tls, server_hostname=sni)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        client = cls(reader, writer)
        tasks = Tasks()
        client._h2.initiate_connection()
        client._h2.increment_flow_control_window(_WINDOW * 16)
        client._flush()
        tasks.start(client._read(), name="http2 client")
        try:
            yield client
        finally:
            await tasks.close()
            writer.transport.abort()

    async def ask(
        self, method: str, host: str, path: str = "/", *fields: tuple[str, str], body: bytes | None = None
    ) -> Answer:
        """A request and its whole answer."""
        stream = self.begin(method, host, path, *fields, ended=body is None)
        if body is not None:
            await self.send(stream, [body])
        return await self.answer(stream)

    def begin(
        self, method: str, host: str, path: str = "/", *fields: tuple[str, str], ended: bool = False, hold: bool = False
    ) -> Stream:
        """The head of a request."""
        head = [(":method", method), (":scheme", "https"), (":path", path), (":authority", host), *fields]
        return self.begin_raw(head, ended=ended, hold=hold)

    def begin_raw(self, head: list[tuple[str, str]], *, ended: bool = True, hold: bool = False) -> Stream:
        stream = Stream(self._h2.get_next_available_stream_id(), hold=hold)
        self._streams[stream.number] = stream
        self._h2.send_headers(stream.number, head, end_stream=ended)
        self._flush()
        return stream

    async def send(
        self, stream: Stream, pieces: Iterable[bytes], *, trailers: list[tuple[str, str]] | None = None
    ) -> None:
        """The body, as the gateway's window lets it, and its end."""
        for piece in pieces:
            await self._send_piece(stream, piece)
        if trailers:
            self._h2.send_headers(stream.number, trailers, end_stream=True)
        elif not stream.done.is_set():
            with contextlib.suppress(ProtocolError):
                self._h2.end_stream(stream.number)
        self._flush()
        await self._writer.drain()

    async def answer(self, stream: Stream, seconds: float = PATIENCE_SECONDS) -> Answer:
        """The whole answer; raises StreamBrokenError when there is none."""
        async with asyncio.timeout(seconds):
            await stream.done.wait()
        if stream.error or not stream.answer:
            raise StreamBrokenError(stream.error or "no answer")
        return stream.answer

    def take(self, stream: Stream) -> None:
        """Open the window of a stream that holds."""
        stream.hold = False
        if stream.held:
            self._h2.acknowledge_received_data(stream.held, stream.number)
        stream.held = 0
        self._flush()

    def cancel(self, stream: Stream) -> None:
        """The answer is not wanted any more (RFC 9113 5.4.2)."""
        self._h2.reset_stream(stream.number, ErrorCodes.CANCEL)
        self._flush()
        _fail(stream, "cancelled")

    def window(self, stream: Stream) -> int:
        """How much of a body the gateway would take now."""
        return self._h2.local_flow_control_window(stream.number)

    async def _send_piece(self, stream: Stream, piece: bytes) -> None:
        while piece and not stream.done.is_set():
            room = min(self._h2.local_flow_control_window(stream.number), self._h2.max_outbound_frame_size, len(piece))
            if room <= 0:
                await self._wait_for_window()
                continue
            self._h2.send_data(stream.number, piece[:room])
            piece = piece[room:]
            self._flush()
            await self._writer.drain()

    async def _wait_for_window(self) -> None:
        self._moved.clear()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._moved.wait()

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(_PIECE):
                for event in self._h2.receive_data(self._sieve.without_goodbyes(data)):
                    self._on_event(event)
                for goodbye in self._sieve.take():
                    self._on_goodbye(goodbye)
                self._flush()
                self._moved.set()
        except (ConnectionError, ProtocolError, ssl.SSLError) as error:
            self._end(repr(error))
        finally:
            self._end("the connection was closed")

    def _on_event(self, event: events.Event) -> None:
        number = getattr(event, "stream_id", None)
        stream = self._streams.get(number) if number else None
        if stream is not None:
            self._on_stream(stream, event)

    def _on_goodbye(self, goodbye: GoAwayFrame) -> None:
        """What the gateway will not look at has failed; what it has begun goes on, unless it is angry (RFC 9113 6.8)."""
        why = f"GOAWAY {goodbye.error_code}"
        if goodbye.error_code:
            self._end(why)
            return
        self.ended = self.ended or why
        for stream in self._streams.values():
            if stream.number > goodbye.last_stream_id:
                _fail(stream, why)

    def _on_stream(self, stream: Stream, event: events.Event) -> None:
        match event:
            case events.InformationalResponseReceived(headers=list(fields)):
                stream.interim.append(int(dict(as_text(fields))[":status"]))
            case events.ResponseReceived(headers=list(fields)):
                stream.answer = _answer(as_text(fields), stream.interim)
                stream.headed.set()
            case events.DataReceived(data=bytes(data)) if stream.answer:
                stream.answer.add(data)
                self._acknowledge(stream, event.flow_controlled_length or 0)
            case events.TrailersReceived(headers=list(fields)) if stream.answer:
                stream.answer.trailers = as_text(fields)
            case events.StreamEnded() if stream.answer:
                stream.answer.whole = True
                stream.done.set()
            case events.StreamReset():
                stream.error = stream.error or f"RST_STREAM {event.error_code}"
                stream.done.set()
            case _:
                pass

    def _acknowledge(self, stream: Stream, size: int) -> None:
        if stream.hold:
            stream.held += size
        elif size:
            self._h2.acknowledge_received_data(size, stream.number)

    def _end(self, why: str) -> None:
        self.ended = self.ended or why
        for stream in self._streams.values():
            _fail(stream, why)
        self._moved.set()

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._writer.write(data)


def _fail(stream: Stream, why: str) -> None:
    if not stream.done.is_set():
        stream.error = why
        stream.done.set()


def _answer(fields: list[tuple[str, str]], interim: list[int]) -> Answer:
    return Answer(int(dict(fields)[":status"]), [line for line in fields if line[0] != ":status"], "2", interim)
