"""What has one HTTP/2 stream still to send? It goes out as the peer's windows allow."""

from collections.abc import Sequence
from typing import Protocol

from mesh_gateway.routing.head import Field

# A frame holds up the other streams: the size that a peer allows may be 16 MB.
MAX_SENT_FRAME = 65_536


class Sending(Protocol):
    """A connection's direction out: h2's towards an upstream, `Sender` towards a client."""

    @property
    def max_outbound_frame_size(self) -> int:
        """Bytes that a frame may hold."""

    def local_flow_control_window(self, stream_id: int, /) -> int:
        """Bytes of DATA that may be sent on the stream."""

    def send_data(self, stream_id: int, data: bytes | memoryview, /, *, end_stream: bool) -> None:
        """Send DATA."""

    def send_headers(self, stream_id: int, headers: Sequence[Field], /, *, end_stream: bool) -> None:
        """Send trailers."""

    def end_stream(self, stream_id: int, /) -> None:
        """Send the end."""


class Outflow:
    """Body, end and trailers that wait for their turn."""

    __slots__ = ("_connection", "_stream", "_trailers", "is_done", "is_ending", "waiting")

    def __init__(self, connection: Sending, stream: int) -> None:
        self._connection = connection
        self._stream = stream
        self.waiting = bytearray()
        self.is_ending = False
        """Whether nothing will be added."""
        self.is_done = False
        """Whether all is sent, and the stream ended."""
        self._trailers: Sequence[Field] = ()

    def end(self, trailers: Sequence[Field] = ()) -> None:
        """Nothing more comes than what waits, and `trailers`."""
        self.is_ending, self._trailers = True, trailers
        if not self.waiting:
            self._end_stream()

    def send_frame(self) -> int:
        """Send a frame of the body, and the end where that is all; the bytes sent, 0 where the window is shut."""
        connection, waiting = self._connection, self.waiting
        if not waiting:
            return 0
        window, largest = connection.local_flow_control_window(self._stream), connection.max_outbound_frame_size
        size = min(len(waiting), window, largest, MAX_SENT_FRAME)
        if size <= 0:
            return 0
        is_last = self.is_ending and size == len(waiting)
        ends_here = is_last and not self._trailers
        with memoryview(waiting) as view, view[:size] as piece:
            connection.send_data(self._stream, piece, end_stream=ends_here)
        del waiting[:size]
        if ends_here:
            self.is_done = True
        elif is_last:
            self._end_stream()
        return size

    def _end_stream(self) -> None:
        if self._trailers:
            self._connection.send_headers(self._stream, self._trailers, end_stream=True)
        else:
            self._connection.end_stream(self._stream)
        self.is_done = True
