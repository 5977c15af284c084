"""Where does one frame of HTTP/2 end and the next begin? (RFC 9113 4.1)

Towards upstreams h2 is fed frame by frame: given more, it loses the events of all that came before an error in the same
bytes, copies the rest of its buffer for each small frame, and collects 16 MB before it looks at the length announced.
"""

from collections.abc import Iterator
from enum import IntEnum, unique
from struct import Struct
from typing import NamedTuple

from h2.errors import ErrorCodes

from mesh_gateway.proxy.bounds import MAX_FRAME

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEAD = 9
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY = 0x20
_FRAME_HEAD = Struct(">HBBBL")
"""The length in two parts, kind, flags, stream."""


@unique
class Kind(IntEnum):
    """The types of frames (RFC 9113 6); others are to be ignored."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Frame(NamedTuple):
    """One frame. A tuple, because one is made for each that comes."""

    kind: int
    flags: int
    stream: int
    raw: bytes
    """The whole of it, for h2."""

    @property
    def payload(self) -> bytes:
        return self.raw[FRAME_HEAD:]

    @property
    def is_empty_data(self) -> bool:
        """Whether it is DATA without a byte that does not end anything either."""
        return self.kind == Kind.DATA and len(self.raw) == FRAME_HEAD and not self.flags & END_STREAM


class FrameError(Exception):
    """The bytes are no frames that may be read: the connection ends with `code`. The text is the operator's."""

    def __init__(self, reason: str, code: ErrorCodes = ErrorCodes.PROTOCOL_ERROR) -> None:
        super().__init__(reason)
        self.code = code


class StreamError(Exception):
    """A frame ends its stream with `code`, and no other stream (RFC 9113 5.4.2)."""

    def __init__(self, code: ErrorCodes) -> None:
        super().__init__()
        self.code = code


class FrameSplitter:
    """Bytes in, frames out. `preface` is what must come first."""

    def __init__(self, preface: bytes = b"") -> None:
        self._preface = preface
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole now; raises FrameError. To be read to its end, or never again."""
        data = self._buffer + data if self._buffer else data
        self._buffer = b""
        start = self._skip_preface(data)
        if start < 0:
            self._buffer = data
            return
        size = len(data)
        while size - start >= FRAME_HEAD:
            high, low, kind, flags, stream = _FRAME_HEAD.unpack_from(data, start)
            end = start + FRAME_HEAD + _checked_length(high << 8 | low)
            if end > size:
                break
            yield Frame(kind, flags, stream & 0x7FFF_FFFF, data[start:end])
            start = end
        self._buffer = data[start:]
        if len(self._buffer) >= 3:  # noqa: PLR2004 - the bytes of a length, which need not be waited for any longer
            _checked_length(int.from_bytes(self._buffer[:3]))

    def _skip_preface(self, data: bytes) -> int:
        """Where the frames begin, -1 where that has not come yet."""
        preface = self._preface
        if not preface:
            return 0
        if not (data.startswith(preface) or preface.startswith(data)):
            raise FrameError("not the preface of HTTP/2")
        if len(data) < len(preface):
            return -1
        self._preface = b""
        return len(preface)


def _checked_length(length: int) -> int:
    if length > MAX_FRAME:
        raise FrameError(f"a frame of {length} bytes is announced", ErrorCodes.FRAME_SIZE_ERROR)
    return length


def error_name(code: int) -> str:
    """An error code as RFC 9113 7 calls it, or its number."""
    return ErrorCodes(code).name if code in ErrorCodes else str(int(code))
