"""When is a header block whole? It comes in one frame, or in several with nothing between them (RFC 9113 4.3, 6.10)."""

from typing import Final, NamedTuple

from h2.errors import ErrorCodes

from mesh_gateway.proxy.fast_path.http2_frames import END_HEADERS, END_STREAM, Frame, FrameError
from mesh_gateway.proxy.fast_path.http2_shapes import contents

# Frames of one header block. Five hold the largest; one without end would hold the connection (CVE-2024-27316).
MOST_PIECES: Final = 64


class Block(NamedTuple):
    """A whole one, as it is encoded."""

    stream: int
    data: bytes
    is_last: bool
    """Whether the stream ends with it."""


class Blocks:
    """The header block that is coming, one at a time. `Floods` bounds its size."""

    def __init__(self) -> None:
        self.stream = 0
        """Whose block is not whole yet; 0 between blocks."""
        self._is_last = False
        self._pieces: list[bytes] = []

    def begin(self, frame: Frame) -> Block | None:
        """HEADERS came: the block, if this is all of it; raises FrameError."""
        data, is_last = contents(frame), bool(frame.flags & END_STREAM)
        if frame.flags & END_HEADERS:
            return Block(frame.stream, data, is_last)
        self.stream, self._is_last, self._pieces = frame.stream, is_last, [data]
        return None

    def go_on(self, frame: Frame) -> Block | None:
        """CONTINUATION came: the block, if it is whole now; raises FrameError."""
        if not self.stream:
            raise FrameError("CONTINUATION of nothing")
        self._pieces.append(frame.payload)
        if len(self._pieces) > MOST_PIECES:
            raise FrameError("a header block in too many pieces", ErrorCodes.ENHANCE_YOUR_CALM)
        if not frame.flags & END_HEADERS:
            return None
        block = Block(self.stream, b"".join(self._pieces), self._is_last)
        self.stream, self._pieces = 0, []
        return block
