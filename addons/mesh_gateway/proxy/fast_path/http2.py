"""HTTP/2 towards a client: many streams with an exchange each, every window a bound (RFC 9113)."""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, assert_never

from h2 import events
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from mesh_gateway.proxy.fast_path import http2_wire
from mesh_gateway.proxy.fast_path.exchange import FastExchange
from mesh_gateway.proxy.fast_path.http2_floods import Floods
from mesh_gateway.proxy.fast_path.http2_frames import PREFACE, Frame, FrameError, FrameSplitter, Kind
from mesh_gateway.proxy.fast_path.http2_heads import Accepted, Broken, Refused, read_head, read_trailers
from mesh_gateway.proxy.fast_path.http2_stream import Http2Stream
from mesh_gateway.proxy.fast_path.http2_websocket import WebSocketExchange
from mesh_gateway.routing.head import Field, Version

if TYPE_CHECKING:
    from mesh_gateway.proxy.fast_path.connection import ClientConnection

# Bytes that one turn of all streams hands to the socket before it looks whether the client takes them.
BATCH = 131_072
# What may be written to a client that takes nothing, in answer to what it sends, before it is not read any more.
CLOGGED_BYTES = 65_536
# What a client may still send after the end, before the door is shut on it: closing on unread bytes would reset our
# last words away.
LINGER_BYTES = 524_288
LINGER_SECONDS = 2.0
KEY_BYTES = 16  # RFC 6455 4.1


class Http2Client:
    """One client connection that speaks HTTP/2."""

    def __init__(
        self, connection: "ClientConnection", new_key: Callable[[], bytes] = lambda: secrets.token_bytes(KEY_BYTES)
    ) -> None:
        self.connection = connection
        self.channel = connection.channel
        self.front = connection.front
        self.clock = self.front.worker.clock
        self.h2 = http2_wire.server_side(self.front.worker.head_limits)
        self.h2.receive_data(PREFACE)  # the splitter sees to it
        self.streams: dict[int, Http2Stream] = {}
        self._new_key = new_key
        self._frames = FrameSplitter(PREFACE)
        self._floods = Floods(http2_wire.max_header_list(self.front.worker.head_limits))
        self._turns: deque[Http2Stream] = deque()
        """Streams with bytes that their windows may allow."""
        self._last_words = b""
        self._since = self.clock()
        """When the connection was last without a stream."""
        self._last_stream = 0
        self._is_leaving = False
        """Whether the client has been told to go on elsewhere, or has told us so."""
        self._is_over = False
        self._lingered = 0
        self._clogged_bytes = 0
        self._is_reading = False
        self._is_flush_due = False
        self._flush()

    # Bytes come.

    def received(self, data: bytes) -> None:
        if self._is_over:
            self._linger(data)
            return
        self._is_reading = True
        try:
            for frame in self._frames.feed(data):
                self._take(frame)
                if self._is_over:
                    return
        except FrameError as error:
            code = ErrorCodes.FRAME_SIZE_ERROR if error.is_too_large else ErrorCodes.PROTOCOL_ERROR
            self._give_up(code, str(error))
        except ProtocolError as error:
            self._give_up(error.error_code, str(error))
        finally:
            self._is_reading = False
        self._flush()

    def _take(self, frame: Frame) -> None:
        if excess := self._floods.excess(frame, self.clock(), is_known=frame.stream in self.streams):
            self._give_up(ErrorCodes.ENHANCE_YOUR_CALM, excess)
            return
        if frame.kind == Kind.GOAWAY and self.streams:
            # The client opens no further stream; of those that run it wants the answers (RFC 9113 6.8). h2 would
            # send nothing any more.
            self._is_leaving = True
            return
        for event in self.h2.receive_data(frame.raw):
            self._hear(event)
            if self._is_over:
                return

    def _hear(self, event: events.Event) -> None:
        match event:
            case events.RequestReceived():
                self._begin(event)
            case events.DataReceived() | events.StreamEnded() | events.TrailersReceived():
                if stream := self.streams.get(event.stream_id or 0):
                    self._guard(stream, lambda: self._tell(stream, event))
            case events.WindowUpdated(stream_id=number) if number:
                self._window_opened(number)
            case events.StreamReset():
                self._was_reset(event)
            case events.RemoteSettingsChanged() if SettingCodes.INITIAL_WINDOW_SIZE in event.changed_settings:
                for stream in self.streams.values():
                    self._window_opened(stream.number)
            case events.ConnectionTerminated():
                self.ended(f"client says goodbye: {event.error_code}")

    def _tell(self, stream: Http2Stream, event: events.DataReceived | events.StreamEnded | events.TrailersReceived) -> None:
        match event:
            case events.DataReceived():
                stream.data_came(event.data or b"", event.flow_controlled_length or 0)
            case events.TrailersReceived():
                self._trailers_came(stream, event)
            case events.StreamEnded():
                if not stream.request_over:
                    stream.end_came()

    def _guard(self, stream: Http2Stream, work: Callable[[], None]) -> None:
        """A fault in one stream ends that stream and no other."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the guard: see `Channel`
            stream.fault(error)

    # A request.

    def _begin(self, event: events.RequestReceived) -> None:
        number, is_ended = event.stream_id or 0, event.stream_ended is not None
        if self._is_leaving:
            self._turn_away(number)
            return
        worker = self.front.worker
        read = read_head(
            event.headers or (), end_stream=is_ended, limits=worker.head_limits, new_key=self._new_key
        )
        match read:
            case Broken():
                self._give_up(ErrorCodes.PROTOCOL_ERROR, read.reason)
            case Refused():
                self._guard(self._open(number, request_over=is_ended), lambda: self._refuse(number, read))
            case Accepted() if self.connection.takes_flow_path(read.head.authority):
                self.drain()  # it comes back, and is then mitmproxy's from its first byte on
                self._turn_away(number)
            case Accepted():
                stream = self._open(number, request_over=is_ended)
                self._guard(stream, lambda: self._carry(stream, read))
            case _:
                assert_never(read)

    def _open(self, number: int, *, request_over: bool) -> Http2Stream:
        stream = self.streams[number] = Http2Stream(self, number, request_over=request_over)
        self._last_stream = number
        return stream

    def _carry(self, stream: Http2Stream, read: Accepted) -> None:
        head = read.head
        method = "CONNECT" if read.is_websocket else head.method
        record = self.front.open_record(self.connection, Version.HTTP_2.value, method, head.target, head.authority)
        make = WebSocketExchange if read.is_websocket else FastExchange
        stream.begin(make(self.front, stream, head, record))

    def _refuse(self, number: int, read: Refused) -> None:
        stream = self.streams[number]
        start, body = self.front.refuse_head(self.connection, read)
        stream.start(start, body, is_whole=True)

    def _trailers_came(self, stream: Http2Stream, event: events.TrailersReceived) -> None:
        trailers = read_trailers(event.headers or ())
        if isinstance(trailers, Broken):
            self._give_up(ErrorCodes.PROTOCOL_ERROR, trailers.reason)
        else:
            stream.trailers_came(trailers)

    def _was_reset(self, event: events.StreamReset) -> None:
        """By the client, or by h2 for its fault, which costs as much (CVE-2025-8671)."""
        if not event.remote_reset and (excess := self._floods.reset_excess(self.clock())):
            self._give_up(ErrorCodes.ENHANCE_YOUR_CALM, excess)
        elif stream := self.streams.get(event.stream_id or 0):
            self._guard(stream, lambda: stream.gone(f"stream reset: {event.error_code!r}"))

    def _turn_away(self, number: int) -> None:
        """A request that was not looked at: the client may send it again (RFC 9113 8.7)."""
        self.h2.reset_stream(number, ErrorCodes.REFUSED_STREAM)
        if excess := self._floods.small_talk_excess(self.clock()):
            self._give_up(ErrorCodes.ENHANCE_YOUR_CALM, excess)
