"""What is a client told over HTTP/2? Frames that wait to be written, as far as the client's windows let them.

What `http2_outflow.py` asks for is called as h2 calls it, so that one outflow serves both sides.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Final

from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from mesh_gateway.proxy.bounds import DEFAULT_WINDOW, MAX_FRAME
from mesh_gateway.proxy.fast_path.http2_fields import NO_TABLE, encode_answer, encode_fields
from mesh_gateway.proxy.fast_path.http2_frames import ACK, END_HEADERS, END_STREAM, FrameError, Kind
from mesh_gateway.proxy.fast_path.http2_lanes import Lane, Lanes
from mesh_gateway.proxy.fast_path.http2_settings import MAX_WINDOW
from mesh_gateway.proxy.fast_path.http2_states import State
from mesh_gateway.routing.head import Field

_HEAD: Final = Struct(">HBBBL").pack
"""A frame's: the length in two parts, kind, flags, stream."""
_WORD: Final = Struct(">L").pack
_TWO_WORDS: Final = Struct(">LL").pack


class Sender:
    """The gateway's direction of one connection."""

    def __init__(self, lanes: Lanes) -> None:
        self.outbound_flow_control_window = DEFAULT_WINDOW
        """Bytes of DATA that the client takes over all streams."""
        self.max_outbound_frame_size = MAX_FRAME
        self.initial_window = DEFAULT_WINDOW
        """Bytes of DATA that the client takes on a new stream."""
        self._lanes = lanes
        self._parts: list[bytes] = []
        self._prefix = NO_TABLE
        """What the next header block begins with."""

    def data_to_send(self) -> bytes:
        """All that waits to be written, which then waits no longer."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data

    # Streams.

    def send_answer(self, number: int, status: int, fields: Iterable[Field], *, end_stream: bool) -> None:
        """The head of an answer, interim or final."""
        self._block(number, encode_answer(status, fields), end_stream=end_stream)

    def send_headers(self, number: int, fields: Iterable[Field], *, end_stream: bool) -> None:
        """Trailers."""
        self._block(number, encode_fields(fields), end_stream=end_stream)

    def send_whole(self, number: int, status: int, fields: Iterable[Field], body: bytes) -> bool:
        """A whole answer with its end, if the windows let it out at once; whether they did."""
        size = len(body)
        if size and (size > self.local_flow_control_window(number) or size > self.max_outbound_frame_size):
            return False
        self._block(number, encode_answer(status, fields), end_stream=not body)
        if body:
            self.send_data(number, body, end_stream=True)
        return True

    def local_flow_control_window(self, number: int) -> int:
        """Bytes of DATA that the stream may send now."""
        return min(self._lanes.running[number].out_room, self.outbound_flow_control_window)

    def send_data(self, number: int, data: bytes | memoryview, *, end_stream: bool = False) -> None:
        """DATA, no more than the windows and a frame have room for."""
        lane, size = self._lanes.running[number], len(data)
        lane.out_room -= size
        self.outbound_flow_control_window -= size
        self._parts += (_HEAD(size >> 8, size & 0xFF, Kind.DATA, END_STREAM if end_stream else 0, number), bytes(data))
        if end_stream:
            self._lanes.own_ended(number, lane)

    def end_stream(self, number: int) -> None:
        """An empty DATA frame that ends the stream."""
        self.send_data(number, b"", end_stream=True)

    def reset(self, number: int, code: int) -> None:
        """The stream is over for both sides."""
        self._frame(Kind.RST_STREAM, 0, number, _WORD(code))
        self._lanes.was_reset(number, State.RESET_HERE)

    def _block(self, number: int, block: bytes, *, end_stream: bool) -> None:
        if self._prefix:
            block, self._prefix = self._prefix + block, b""
        flags = END_STREAM if end_stream else 0
        if len(block) <= MAX_FRAME:
            self._frame(Kind.HEADERS, flags | END_HEADERS, number, block)
        else:
            self._long_block(number, block, flags)
        if end_stream:
            self._lanes.own_ended(number, self._lanes.running[number])

    def _long_block(self, number: int, block: bytes, flags: int) -> None:
        """RFC 9113 4.3: a block in pieces of a size that every client takes."""
        self._frame(Kind.HEADERS, flags, number, block[:MAX_FRAME])
        last = (len(block) - 1) // MAX_FRAME * MAX_FRAME
        for start in range(MAX_FRAME, len(block), MAX_FRAME):
            piece = block[start : start + MAX_FRAME]
            self._frame(Kind.CONTINUATION, END_HEADERS if start == last else 0, number, piece)

    # The connection.

    def settings(self, payload: bytes) -> None:
        self._frame(Kind.SETTINGS, 0, 0, payload)

    def acknowledge(self, kind: Kind, payload: bytes = b"") -> None:
        """SETTINGS or PING."""
        self._frame(kind, ACK, 0, payload)

    def open_window(self, number: int, size: int) -> None:
        """The client may send so many bytes of DATA more, on the stream or, as 0, on all together."""
        self._frame(Kind.WINDOW_UPDATE, 0, number, _WORD(size))

    def goodbye(self, last_stream: int, code: int = ErrorCodes.NO_ERROR) -> None:
        """GOAWAY: streams up to `last_stream` are or will be looked at (RFC 9113 6.8)."""
        self._frame(Kind.GOAWAY, 0, 0, _TWO_WORDS(last_stream, code))

    def _frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        size = len(payload)
        self._parts += (_HEAD(size >> 8, size & 0xFF, kind, flags, number), payload)

    # What the client allows.

    def opened(self, size: int) -> None:
        """The window of the connection grew; raises FrameError where it is too large now (RFC 9113 6.9.1)."""
        self.outbound_flow_control_window += size
        if self.outbound_flow_control_window > MAX_WINDOW:
            raise FrameError("a window too large", ErrorCodes.FLOW_CONTROL_ERROR)

    def apply(self, setting: int, value: int) -> None:
        """A setting of the client's; raises FrameError."""
        if setting == SettingCodes.MAX_FRAME_SIZE:
            self.max_outbound_frame_size = value
        elif setting == SettingCodes.INITIAL_WINDOW_SIZE:
            change, self.initial_window = value - self.initial_window, value
            for lane in self._lanes.running.values():
                self._resize(lane, change)

    @staticmethod
    def _resize(lane: Lane, change: int) -> None:
        lane.out_room += change
        if lane.out_room > MAX_WINDOW:
            raise FrameError("a window too large by a setting", ErrorCodes.FLOW_CONTROL_ERROR)
