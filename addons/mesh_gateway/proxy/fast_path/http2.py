"""HTTP/2 towards a client: many streams with an exchange each, every window a bound (RFC 9113).

What the client may do to the whole connection is decided here; what belongs to one request in `http2_stream.py`.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never

from h2.errors import ErrorCodes

from mesh_gateway.proxy.bounds import LINGER_BYTES, LINGER_SECONDS
from mesh_gateway.proxy.fast_path.exchange import FastExchange
from mesh_gateway.proxy.fast_path.http2_decoder import Fields
from mesh_gateway.proxy.fast_path.http2_endpoint import Endpoint
from mesh_gateway.proxy.fast_path.http2_events import (
    DataCame,
    Event,
    HeadCame,
    SaidGoodbye,
    TrailersCame,
    WasReset,
    WindowOpened,
)
from mesh_gateway.proxy.fast_path.http2_floods import Floods
from mesh_gateway.proxy.fast_path.http2_frames import FrameError, error_name
from mesh_gateway.proxy.fast_path.http2_heads import Accepted, Broken, Refused, read_head, read_trailers
from mesh_gateway.proxy.fast_path.http2_outlet import Outlet
from mesh_gateway.proxy.fast_path.http2_refusal import refuse
from mesh_gateway.proxy.fast_path.http2_stream import Http2Stream
from mesh_gateway.proxy.fast_path.http2_websocket import WebSocketExchange
from mesh_gateway.proxy.fast_path.http2_wire import max_header_list
from mesh_gateway.routing.head import Version
from mesh_gateway.routing.http2_head import KnownSections
from mesh_gateway.routing.recent import LONGEST_KEPT, Recent

if TYPE_CHECKING:
    from mesh_gateway.proxy.fast_path.connection import ClientConnection

KEY_BYTES = 16  # RFC 6455 4.1
MAX_STREAM = (1 << 31) - 1  # RFC 9113 5.1.1


class Http2Client:
    """One client connection that speaks HTTP/2."""

    def __init__(
        self, connection: "ClientConnection", new_key: Callable[[], bytes] = lambda: secrets.token_bytes(KEY_BYTES)
    ) -> None:
        self.connection = connection
        self.channel = connection.channel
        self.front = connection.front
        self.clock = self.front.worker.clock
        limits = self.front.worker.head_limits
        self.streams: dict[int, Http2Stream] = {}
        self._new_key = new_key
        self._known: KnownSections = Recent()
        self._heads: Recent[Fields, Accepted] = Recent()
        """Heads that were read lately, for clients that repeat all of one."""
        self._floods = Floods(max_header_list(limits))
        self._endpoint = Endpoint(limits, max_header_list(limits), self._floods, self.clock)
        self.sender = self._endpoint.sender
        self.outlet = Outlet(connection, self.sender, self._floods)
        self._since = self.clock()
        """When the connection was last without a stream."""
        self._last_stream = 0
        """The newest stream that was looked at."""
        self._is_leaving = False
        """Whether the connection ends with the last stream on it."""
        self._turns_away = False
        """Whether no further stream is looked at."""
        self._is_over = False
        self._lingered = 0
        self.outlet.flush()

    # Bytes come.

    def received(self, data: bytes) -> None:
        if self._is_over:
            self._linger(data)
            return
        self.outlet.is_due = True  # below
        try:
            for event in self._endpoint.receive(data):
                self._hear(event)
                if self._is_over:
                    return
        except FrameError as error:
            self._give_up(error.code, str(error))
        self.outlet.flush()

    def _hear(self, event: Event) -> None:
        try:
            self._obey(event)
        except Exception as error:
            stream = None if isinstance(event, SaidGoodbye) else self.streams.get(event.stream)
            if stream is None:
                raise
            stream.fault(error)  # a fault in one stream ends that stream and no other

    def _obey(self, event: Event) -> None:
        match event:
            case HeadCame():
                self._begin(event)
            case DataCame(number, data, size, is_ended):
                if stream := self.streams.get(number):
                    stream.data_came(data, size, is_ended=is_ended)
                else:
                    self.acknowledge(number, size)
            case TrailersCame(number, fields):
                self._trailers_came(number, fields)
            case WasReset():
                self._was_reset(event)
            case WindowOpened(number):
                self._window_opened(number)
            case SaidGoodbye(code):
                self._said_goodbye(code)
            case _:
                assert_never(event)

    # A request.

    def _begin(self, event: HeadCame) -> None:
        number, is_ended = event.stream, event.is_ended
        if self._turns_away:
            self._turn_away(number)
            return
        match read := self._read(event):
            case Accepted() if self.connection.takes_flow_path(read.head.authority):
                self._change_path()
                self._turn_away(number)
            case Accepted():
                self._carry(self._open(number, is_ended=is_ended), read)
            case Refused():
                stream = self._open(number, is_ended=is_ended)
                stream.discard()
                stream.start(*refuse(self.connection, read), is_whole=True)
            case Broken():
                self._give_up(ErrorCodes.PROTOCOL_ERROR, read.reason)
            case _:
                assert_never(read)

    def _read(self, event: HeadCame) -> Accepted | Refused | Broken:
        fields = event.fields
        if event.is_ended and (known := self._heads.get(fields)):
            return known
        read = read_head(
            fields,
            end_stream=event.is_ended,
            limits=self.front.worker.head_limits,
            new_key=self._new_key,
            known=self._known,
        )
        is_small = event.is_ended and event.size <= LONGEST_KEPT
        if is_small and isinstance(read, Accepted) and not read.is_websocket:
            self._heads.keep(fields, read)
        return read

    def _open(self, number: int, *, is_ended: bool) -> Http2Stream:
        stream = self.streams[number] = Http2Stream(self, number, request_over=is_ended)
        self._last_stream = number
        return stream

    def _carry(self, stream: Http2Stream, read: Accepted) -> None:
        head = read.head
        method = "CONNECT" if read.is_websocket else head.method
        record = self.front.open_record(self.connection, Version.HTTP_2.value, method, head.target, head.authority)
        make = WebSocketExchange if read.is_websocket else FastExchange
        stream.begin(make(self.front, stream, head, record))

    def _turn_away(self, number: int) -> None:
        """A request that was not looked at: the client may send it again (RFC 9113 8.7)."""
        self.sender.reset(number, ErrorCodes.REFUSED_STREAM)
        if excess := self._floods.small_talk_excess(self.clock()):
            self._give_up(ErrorCodes.ENHANCE_YOUR_CALM, excess)

    def _trailers_came(self, number: int, fields: Fields) -> None:
        trailers, stream = read_trailers(fields), self.streams.get(number)
        if isinstance(trailers, Broken):
            self._give_up(ErrorCodes.PROTOCOL_ERROR, trailers.reason)
        elif stream:
            stream.end_came(trailers)

    def _was_reset(self, event: WasReset) -> None:
        """By the client, or by the endpoint for the client's fault, which costs as much (CVE-2025-8671)."""
        if stream := self.streams.get(event.stream):
            stream.gone(f"stream reset by client ({error_name(event.code)})")
        if not event.is_clients and (excess := self._floods.reset_excess(self.clock())):
            self._give_up(ErrorCodes.ENHANCE_YOUR_CALM, excess)

    def _said_goodbye(self, code: int) -> None:
        """It wants the answers to what it has asked (RFC 9113 6.8)."""
        if self.streams:
            self._is_leaving = True
        else:
            self.ended(f"client says goodbye: {error_name(code)}")

    def _window_opened(self, number: int) -> None:
        """Of one stream, or by a setting of all."""
        for stream in self.streams.values() if number == 0 else (self.streams.get(number),):
            if stream and stream.out.waiting:
                self.outlet.wants_turn(stream)

    # What streams say.

    def head_was_sent(self) -> None:
        """The head of an answer, interim or final."""
        if not self.front.worker.keeps_connections:
            self.drain()
        self.outlet.flush_soon()

    def acknowledge(self, number: int, size: int) -> None:
        """Bytes of a body have found their place: the client may send as many more."""
        self._endpoint.acknowledge(number, size)
        self.outlet.flush_soon()

    def reset(self, number: int, code: ErrorCodes) -> None:
        self.sender.reset(number, code)
        self.outlet.flush_soon()

    def forget(self, stream: Http2Stream) -> None:
        """The stream is over."""
        self.streams.pop(stream.number, None)
        if not self.streams:
            self._since = self.clock()
            self._leave_soon()

    # Ends.

    def drain(self) -> None:
        """The client is to go on over another connection. What it still asks over this one is served.

        The last stream that is announced is the highest there can be, which takes no request back that is on its way
        (RFC 9113 6.8).
        """
        if not self._is_leaving and not self._is_over:
            self._is_leaving = True
            self._say_goodbye(MAX_STREAM)
            self._leave_soon()

    def _change_path(self) -> None:
        """Somebody wants to see what comes now: it is not looked at here, comes back, and is mitmproxy's then."""
        self._is_leaving = self._turns_away = True
        self._say_goodbye(self._last_stream)
        self._leave_soon()

    def _leave_soon(self) -> None:
        if self._is_leaving and not self.streams and not self._is_over:
            asyncio.get_running_loop().call_soon(self.connection.guarded, self._leave)

    def _leave(self) -> None:
        """The last stream is over: what came after it was not looked at, and may be asked elsewhere."""
        if not self._is_over and not self.streams:
            self._is_over = True
            self._say_goodbye(self._last_stream)
            self._begin_linger()

    def _give_up(self, code: ErrorCodes, reason: str) -> None:
        """End the connection, with all that is on it."""
        if self._is_over:
            return
        self._is_over = True
        for stream in tuple(self.streams.values()):
            stream.gone(reason)
        self._say_goodbye(self._endpoint.lanes.last, code)
        self._begin_linger()

    def _say_goodbye(self, last_stream: int, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        self.sender.goodbye(last_stream, code)
        self.outlet.flush_soon()

    def _begin_linger(self) -> None:
        """Say goodbye, and read on for a moment."""
        self.outlet.flush()
        self._since = self.clock()
        if self.connection.has_client_ended:
            self.channel.close()
        else:
            self.channel.finish()
            self.channel.resume()

    def _linger(self, data: bytes) -> None:
        self._lingered += len(data)
        if self._lingered > LINGER_BYTES:
            self.channel.close()

    def ended(self, error: str | None) -> None:
        """The client will send no more: it has left, for the windows are its to open."""
        self._is_over = True
        for stream in tuple(self.streams.values()):
            stream.gone(error or "client disconnected")
        self.channel.close()

    def lost(self) -> None:
        """`ended` has told."""

    @property
    def has_unsent(self) -> bool:
        """Whether a stream waits for the client's window."""
        return any(stream.out.waiting for stream in self.streams.values())

    def clogged(self, is_clogged: bool) -> None:
        self.outlet.clogged(is_clogged)

    def fault(self, error: Exception) -> None:
        self.front.report(error)
        for stream in tuple(self.streams.values()):
            stream.fault(error)
        self._give_up(ErrorCodes.INTERNAL_ERROR, "a fault of the gateway's own")

    def check(self, now: float) -> None:
        """Deadlines: of the streams, of a connection without one, and of the end."""
        settings = self.front.worker.settings
        if self._is_over:
            if now - self._since > LINGER_SECONDS:
                self.channel.close()
        elif self.streams:
            for stream in tuple(self.streams.values()):
                self._check(stream, now)
        elif now - self._since > (settings.keepalive_timeout if self._last_stream else settings.header_timeout):
            self._give_up(ErrorCodes.NO_ERROR, "idle")

    def _check(self, stream: Http2Stream, now: float) -> None:
        try:
            stream.check(now)
        except Exception as error:  # noqa: BLE001 - the guard: one stream's fault is not the others'
            stream.fault(error)
