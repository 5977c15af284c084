"""HTTP/2 towards a client: many streams with an exchange each, every window a bound (RFC 9113).

What the client may do to the whole connection is decided here; what belongs to one request in `http2_stream.py`.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, assert_never

from h2 import events
from h2.connection import ConnectionState
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

from mesh_gateway.proxy.bounds import LINGER_BYTES, LINGER_SECONDS
from mesh_gateway.proxy.fast_path import http2_wire
from mesh_gateway.proxy.fast_path.exchange import FastExchange
from mesh_gateway.proxy.fast_path.http2_floods import Floods
from mesh_gateway.proxy.fast_path.http2_frames import PREFACE, Frame, FrameError, FrameSplitter, Kind, error_name
from mesh_gateway.proxy.fast_path.http2_heads import Accepted, Broken, Refused, read_head, read_trailers
from mesh_gateway.proxy.fast_path.http2_outlet import Outlet
from mesh_gateway.proxy.fast_path.http2_refusal import refuse
from mesh_gateway.proxy.fast_path.http2_stream import Http2Stream
from mesh_gateway.proxy.fast_path.http2_websocket import WebSocketExchange
from mesh_gateway.routing.head import Field, Version
from mesh_gateway.routing.http2_head import KnownSections
from mesh_gateway.routing.recent import Recent

if TYPE_CHECKING:
    from mesh_gateway.proxy.fast_path.connection import ClientConnection

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
        limits = self.front.worker.head_limits
        self.h2 = http2_wire.server_side(limits)
        self.h2.receive_data(PREFACE)  # the splitter sees to it that it comes
        self.streams: dict[int, Http2Stream] = {}
        self._new_key = new_key
        self._known: KnownSections = Recent()
        self._frames = FrameSplitter(PREFACE)
        self._floods = Floods(http2_wire.max_header_list(limits))
        self.outlet = Outlet(connection, self.h2, self._floods)
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
            for frame in self._frames.feed(data):
                self._take(frame)
                if self._is_over:
                    return
        except FrameError as error:
            code = ErrorCodes.FRAME_SIZE_ERROR if error.is_too_large else ErrorCodes.PROTOCOL_ERROR
            self._give_up(code, str(error))
        except ProtocolError as error:
            self._give_up(error.error_code, str(error))
        self.outlet.flush()

    def _take(self, frame: Frame) -> None:
        if excess := self._floods.excess(frame, self.clock(), is_known=frame.stream in self.streams):
            self._give_up(ErrorCodes.ENHANCE_YOUR_CALM, excess)
            return
        if frame.kind == Kind.GOAWAY and self.streams:
            # It wants the answers to what it has asked (RFC 9113 6.8), and h2 would not send them.
            self._is_leaving = True
            return
        for event in self.h2.receive_data(frame.raw):
            self._hear(event)
            if self._is_over:
                return

    def _hear(self, event: events.Event) -> None:
        try:
            self._obey(event)
        except Exception as error:
            stream = self.streams.get(getattr(event, "stream_id", None) or 0)
            if stream is None:
                raise
            stream.fault(error)  # a fault in one stream ends that stream and no other

    def _obey(self, event: events.Event) -> None:
        match event:
            case events.RequestReceived(stream_id=int(number)):
                self._begin(number, event.headers or (), is_ended=event.stream_ended is not None)
            case events.StreamReset(stream_id=int(number)):
                self._was_reset(number, event)
            case events.RemoteSettingsChanged() if SettingCodes.INITIAL_WINDOW_SIZE in event.changed_settings:
                for each in self.streams.values():
                    self._window_opened(each)
            case events.ConnectionTerminated():
                self.ended(f"client says goodbye: {event.error_code!r}")
            case _ if stream := self.streams.get(getattr(event, "stream_id", None) or 0):
                self._tell(stream, event)
            case _:
                pass  # h2 has answered it, or there is nothing to it

    def _tell(self, stream: Http2Stream, event: events.Event) -> None:
        match event:
            case events.DataReceived():
                stream.data_came(event.data or b"", event.flow_controlled_length or 0)
            case events.StreamEnded():
                stream.end_came()
            case events.WindowUpdated():
                self._window_opened(stream)
            case events.TrailersReceived():
                self._trailers_came(stream, event.headers or ())
            case _:
                pass  # PRIORITY (RFC 9113 5.3.2)

    # A request.

    def _begin(self, number: int, headers: Iterable[Field], *, is_ended: bool) -> None:
        if self._turns_away:
            self._turn_away(number)
            return
        read = read_head(
            headers,
            end_stream=is_ended,
            limits=self.front.worker.head_limits,
            new_key=self._new_key,
            known=self._known,
        )
        match read:
            case Broken():
                self._give_up(ErrorCodes.PROTOCOL_ERROR, read.reason)
            case Refused():
                stream = self._open(number, is_ended=is_ended)
                stream.discard()
                stream.start(*refuse(self.connection, read), is_whole=True)
            case Accepted() if self.connection.takes_flow_path(read.head.authority):
                self._change_path()
                self._turn_away(number)
            case Accepted():
                self._carry(self._open(number, is_ended=is_ended), read)
            case _:
                assert_never(read)

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
        self.h2.reset_stream(number, ErrorCodes.REFUSED_STREAM)
        if excess := self._floods.small_talk_excess(self.clock()):
            self._give_up(ErrorCodes.ENHANCE_YOUR_CALM, excess)

    def _trailers_came(self, stream: Http2Stream, headers: Iterable[Field]) -> None:
        trailers = read_trailers(headers)
        if isinstance(trailers, Broken):
            self._give_up(ErrorCodes.PROTOCOL_ERROR, trailers.reason)
        else:
            stream.trailers_came(trailers)

    def _was_reset(self, number: int, event: events.StreamReset) -> None:
        """By the client, or by h2 for the client's fault, which costs as much (CVE-2025-8671)."""
        if stream := self.streams.get(number):
            stream.gone(f"stream reset by client ({error_name(event.error_code)})")
        if not event.remote_reset and (excess := self._floods.reset_excess(self.clock())):
            self._give_up(ErrorCodes.ENHANCE_YOUR_CALM, excess)

    def _window_opened(self, stream: Http2Stream) -> None:
        if stream.out.waiting:
            self.outlet.wants_turn(stream)

    # What streams say.

    def send_block(self, number: int, fields: list[Field], *, end_stream: bool) -> None:
        """A head, interim or final."""
        self.h2.send_headers(number, fields, end_stream=end_stream)
        if not self.front.worker.keeps_connections:
            self.drain()
        self.outlet.flush_soon()

    def acknowledge(self, number: int, size: int) -> None:
        """Bytes of a body have found their place: the client may send as many more."""
        self.h2.acknowledge_received_data(size, number)
        self.outlet.flush_soon()

    def reset(self, number: int, code: ErrorCodes) -> None:
        self.h2.reset_stream(number, code)
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
            self.outlet.say(http2_wire.goaway(http2_wire.MAX_STREAM))
            self._leave_soon()

    def _change_path(self) -> None:
        """Somebody wants to see what comes now: it is not looked at here, comes back, and is mitmproxy's then."""
        self._is_leaving = self._turns_away = True
        self.outlet.say(http2_wire.goaway(self._last_stream))
        self._leave_soon()

    def _leave_soon(self) -> None:
        if self._is_leaving and not self.streams and not self._is_over:
            asyncio.get_running_loop().call_soon(self.connection.guarded, self._leave)

    def _leave(self) -> None:
        """The last stream is over: what came after it was not looked at, and may be asked elsewhere."""
        if not self._is_over and not self.streams:
            self._is_over = True
            self.outlet.say(http2_wire.goaway(self._last_stream))
            self._begin_linger()

    def _give_up(self, code: ErrorCodes, reason: str) -> None:
        """End the connection, with all that is on it."""
        if self._is_over:
            return
        self._is_over = True
        for stream in tuple(self.streams.values()):
            stream.gone(reason)
        if self.h2.state_machine.state is not ConnectionState.CLOSED:  # else h2 has said it
            self.outlet.say(http2_wire.goaway(self.h2.highest_inbound_stream_id, code))
        self._begin_linger()

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
