"""HTTP/2 on both sides of the flow path: mitmproxy's codecs with windows that mean something.

mitmproxy opens every window to 2 GiB and keeps what it cannot send (HAZARDS C3). Here a client's window opens again
only when its bytes were passed on, and what waits for a client's own window is counted, so that its upstream waits.
"""

import collections
from typing import TYPE_CHECKING, override

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from hyperframe.frame import GoAwayFrame
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import ReceiveHttp, RequestHeaders, ResponseEndOfMessage
from mitmproxy.proxy.layers.http._http2 import (
    Http2Client,
    Http2Connection,
    Http2Server,
    StreamState,
    split_pseudo_headers,
)
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection

from mesh_gateway.proxy.bounds import (
    CONNECTION_WINDOW,
    DEFAULT_WINDOW,
    FLOOD_SECONDS,
    MAX_FRAME,
    RESETS_ALLOWED,
    SMALL_TALK_ALLOWED,
    STREAM_WINDOW,
)
from mesh_gateway.proxy.flow_path import messages
from mesh_gateway.proxy.flow_path.signals import DataConsumed, DeadlinePassed, DrainBegun, StopReading

if TYPE_CHECKING:
    from mesh_gateway.proxy.worker import Worker

FRAME_LENGTH_BYTES = 3  # RFC 9113 4.1
MAX_STREAM_ID = (1 << 31) - 1  # RFC 9113 5.1.1
SMALL_TALK = (
    h2.events.PingReceived,
    h2.events.PingAckReceived,
    h2.events.RemoteSettingsChanged,
    h2.events.SettingsAcknowledged,
    h2.events.PriorityUpdated,
    h2.events.UnknownFrameReceived,
)


class WindowedConnection(BufferedH2Connection):
    """An HTTP/2 connection whose windows are bounds."""

    def __init__(self, config: h2.config.H2Configuration) -> None:
        super().__init__(config)
        self.local_settings.initial_window_size = STREAM_WINDOW
        self.local_settings.max_frame_size = MAX_FRAME
        self.max_inbound_frame_size = MAX_FRAME
        self.local_settings.acknowledge()

    @override
    def initiate_connection(self) -> None:
        h2.connection.H2Connection.initiate_connection(self)
        self.increment_flow_control_window(CONNECTION_WINDOW - DEFAULT_WINDOW)

    @override
    def receive_data(self, data: bytes) -> list[h2.events.Event]:
        events: list[h2.events.Event] = super().receive_data(data)
        begun = self.incoming_buffer._data  # noqa: SLF001 - h2 4.3 looks at a length only once all of the frame is there
        if len(begun) >= FRAME_LENGTH_BYTES and int.from_bytes(begun[:FRAME_LENGTH_BYTES]) > MAX_FRAME:
            self._terminate_connection(h2.errors.ErrorCodes.FRAME_SIZE_ERROR)
            raise h2.exceptions.FrameTooLargeError("a frame too large is announced")
        return events

    def backlog(self, stream_id: int) -> int:
        """Bytes of a stream that wait for the peer's window."""
        waiting = self.stream_buffers.get(stream_id)
        return sum(len(part.data) for part in waiting) if waiting else 0


class _Windowed(Http2Connection):
    h2_conn: WindowedConnection

    def __init__(self, context: Context) -> None:
        super().__init__(context)  # type: ignore[call-arg] # the next class knows which connection it is for
        self.h2_conn = WindowedConnection(self.h2_conf)


class GatewayHttp2Server(_Windowed, Http2Server):
    """The client's side."""

    def __init__(self, context: Context, worker: "Worker") -> None:
        super().__init__(context)
        self.worker = worker
        self._since = worker.clock()
        self._unread: collections.Counter[int] = collections.Counter()
        """Body bytes per stream that were received and not yet passed on."""
        self._resets: collections.deque[float] = collections.deque(maxlen=RESETS_ALLOWED)
        self._small_talk: collections.deque[float] = collections.deque(maxlen=SMALL_TALK_ALLOWED)
        self._is_leaving = False

    def backlog(self, stream_id: int | None) -> int:
        """Bytes for the client that wait for its window."""
        return self.h2_conn.backlog(stream_id) if stream_id is not None else 0

    def is_overdue(self, now: float, busy: bool) -> bool:
        """Whether the connection has been without an exchange for too long."""
        if busy:
            self._since = now
        return now - self._since > self.worker.settings.keepalive_timeout

    @override
    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        match event:
            case DataConsumed():
                self._open_window(event.stream_id, event.length)
            case StopReading():
                self._stop_reading(event.stream_id)
            case DrainBegun():
                yield from self._announce_end()
            case DeadlinePassed():
                self.h2_conn.close_connection()
                yield commands.SendData(self.conn, self.h2_conn.data_to_send())
                yield from self.close_connection("idle")
                return
            case _:
                yield from super()._handle_event(event)
                if isinstance(event, ResponseEndOfMessage) and self.is_closed(event.stream_id):
                    self.streams.pop(event.stream_id, None)
        if data := self.h2_conn.data_to_send():
            yield commands.SendData(self.conn, data)
        if self._is_leaving and not self.streams and not self.h2_conn.stream_buffers:
            yield from self._leave()

    def _announce_end(self) -> layer.CommandGenerator[None]:
        """Ask the client to go on over another connection; all that is still asked over this one is served.

        A frame by hand: after h2's own GOAWAY nothing more can be sent. The last stream is the highest there can be,
        which takes no request back that is on its way (RFC 9113 6.8).
        """
        if not self._is_leaving and self.h2_conn.state_machine.state is not h2.connection.ConnectionState.CLOSED:
            self._is_leaving = True
            yield commands.SendData(self.conn, GoAwayFrame(last_stream_id=MAX_STREAM_ID).serialize())

    def _leave(self) -> layer.CommandGenerator[None]:
        """The last exchange is over: what comes now was not looked at, and the client may ask it elsewhere."""
        if self.h2_conn.state_machine.state is not h2.connection.ConnectionState.CLOSED:
            self.h2_conn.close_connection(last_stream_id=self.h2_conn.highest_inbound_stream_id)
            yield commands.SendData(self.conn, self.h2_conn.data_to_send())
            yield from self.close_connection("drained")

    @override
    def handle_h2_event(self, event: h2.events.Event) -> layer.CommandGenerator[bool]:
        if _is_small_talk(event) and self._is_flooding(self._small_talk):
            yield from self.protocol_error("too much small talk", h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)
            return True
        match event:
            case h2.events.RequestReceived():
                return (yield from self._begin(event))
            case h2.events.DataReceived() if self.streams.get(event.stream_id) is StreamState.HEADERS_RECEIVED:
                yield from self._receive(event)
                return False
            case h2.events.StreamEnded() if self.streams.get(event.stream_id) is StreamState.HEADERS_RECEIVED:
                # mitmproxy forgets a stream here that is closed by now. h2 reads ahead: a reset or a GOAWAY in the same
                # bytes has closed it, and would find nobody to tell.
                yield ReceiveHttp(self.ReceiveEndOfMessage(event.stream_id))
                return False
            case h2.events.StreamReset():
                if self._is_flooding(self._resets):
                    yield from self.protocol_error("too many resets", h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)
                    return True
                self._open_window(event.stream_id, self._unread.get(event.stream_id, 0))
        return (yield from super().handle_h2_event(event))

    def _begin(self, event: h2.events.RequestReceived) -> layer.CommandGenerator[bool]:
        """Pass a head on without judging its authority: the brain answers 400 where mitmproxy ends the connection."""
        try:
            pseudo, headers = split_pseudo_headers(event.headers or [])
            request = messages.http2_request(pseudo, headers)
        except (KeyError, ValueError) as error:
            yield from self.protocol_error(f"Invalid HTTP/2 request headers: {error!r}")
            return True
        self.streams[event.stream_id] = StreamState.HEADERS_RECEIVED
        yield ReceiveHttp(RequestHeaders(event.stream_id, request, end_stream=event.stream_ended is not None))
        return False

    def _receive(self, event: h2.events.DataReceived) -> layer.CommandGenerator[None]:
        padding = event.flow_controlled_length - len(event.data)
        if padding:
            self.h2_conn.acknowledge_received_data(padding, event.stream_id)
        if event.data:
            self._unread[event.stream_id] += len(event.data)
            yield ReceiveHttp(self.ReceiveData(event.stream_id, event.data))

    def _open_window(self, stream_id: int, length: int) -> None:
        left = self._unread.get(stream_id, 0)
        length = min(length, left) if left else 0
        if length and self.h2_conn.state_machine.state is not h2.connection.ConnectionState.CLOSED:
            self.h2_conn.acknowledge_received_data(length, stream_id)
        if left - length > 0:
            self._unread[stream_id] = left - length
        else:
            self._unread.pop(stream_id, None)

    def _stop_reading(self, stream_id: int) -> None:
        """End an exchange whose answer is complete while its request is not (RFC 9113 8.1)."""
        self._open_window(stream_id, self._unread.get(stream_id, 0))
        if not self.is_closed(stream_id):
            self.h2_conn.reset_stream(stream_id, h2.errors.ErrorCodes.NO_ERROR)
        self.streams.pop(stream_id, None)

    def _is_flooding(self, moments: collections.deque[float]) -> bool:
        """Note one more; whether as many as are allowed came in too short a time before."""
        now = self.worker.clock()
        is_full = len(moments) == moments.maxlen and now - moments[0] < FLOOD_SECONDS
        moments.append(now)
        return is_full


def _is_small_talk(event: h2.events.Event) -> bool:
    if isinstance(event, h2.events.DataReceived):
        return not event.data and event.stream_ended is None
    return isinstance(event, SMALL_TALK)


class GatewayHttp2Client(_Windowed, Http2Client):
    """The upstream's side; one exchange at a time, so the socket's own back-pressure is enough."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.h2_conn.local_settings.enable_push = 0
        self.h2_conn.local_settings.acknowledge()

    @property
    def idle(self) -> bool:
        return not self.streams and self._handle_event != self.done

    @property
    def backlog(self) -> int:
        """Bytes for the upstream that wait for its window."""
        return sum(self.h2_conn.backlog(stream_id) for stream_id in list(self.h2_conn.stream_buffers))
