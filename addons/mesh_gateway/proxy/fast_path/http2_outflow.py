"""What has one HTTP/2 stream still to send? It goes out as the peer's windows allow."""

from collections.abc import Sequence

from h2.connection import H2Connection

from mesh_gateway.routing.head import Field

# A frame holds up the other streams: the size that a peer allows may be 16 MB.
MAX_SENT_FRAME = 65_536


class Outflow:
    """Body, end and trailers that wait for their turn."""

    __slots__ = ("_h2", "_stream", "_trailers", "is_done", "is_ending", "waiting")

    def __init__(self, h2: H2Connection, stream: int) -> None:
        self._h2 = h2
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
        h2, waiting = self._h2, self.waiting
        room = min(h2.local_flow_control_window(self._stream), h2.max_outbound_frame_size, MAX_SENT_FRAME)
        size = min(len(waiting), room)
        if size <= 0:
            return 0
        is_last = self.is_ending and size == len(waiting)
        ends_here = is_last and not self._trailers
        with memoryview(waiting) as view, view[:size] as piece:
            h2.send_data(self._stream, piece, end_stream=ends_here)
        del waiting[:size]
        if ends_here:
            self.is_done = True
        elif is_last:
            self._end_stream()
        return size

    def _end_stream(self) -> None:
        if self._trailers:
            self._h2.send_headers(self._stream, self._trailers, end_stream=True)
        else:
            self._h2.end_stream(self._stream)
        self.is_done = True
