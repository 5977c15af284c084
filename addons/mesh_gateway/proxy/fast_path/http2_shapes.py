"""Has a frame the shape of its kind, and what is inside? (RFC 9113 6)"""

from enum import Enum, unique
from typing import Final, NamedTuple

from h2.errors import ErrorCodes

from mesh_gateway.proxy.bounds import MAX_FRAME
from mesh_gateway.proxy.fast_path.http2_frames import FRAME_HEAD, PADDED, PRIORITY, Frame, FrameError, Kind

_PRIORITY_BYTES: Final = 5  # RFC 9113 6.2
_STREAM_BITS: Final = 0x7FFF_FFFF


@unique
class Place(Enum):
    """What a frame speaks of."""

    STREAM = "a stream"
    CONNECTION = "the connection"
    EITHER = "either"


class Shape(NamedTuple):
    """Where frames of a kind may stand, and how many bytes they hold."""

    place: Place
    shortest: int = 0
    longest: int = MAX_FRAME


SHAPES: Final = {
    Kind.DATA: Shape(Place.STREAM),
    Kind.HEADERS: Shape(Place.STREAM),
    Kind.PRIORITY: Shape(Place.STREAM, _PRIORITY_BYTES, _PRIORITY_BYTES),
    Kind.RST_STREAM: Shape(Place.STREAM, 4, 4),
    Kind.SETTINGS: Shape(Place.CONNECTION),
    Kind.PUSH_PROMISE: Shape(Place.STREAM),
    Kind.PING: Shape(Place.CONNECTION, 8, 8),
    Kind.GOAWAY: Shape(Place.CONNECTION, 8),
    Kind.WINDOW_UPDATE: Shape(Place.EITHER, 4, 4),
    Kind.CONTINUATION: Shape(Place.STREAM),
}
# A tuple is asked in half of the time that a dictionary with an enum's keys takes.
_SHAPES: Final = tuple(SHAPES[kind] for kind in Kind)


def check_shape(frame: Frame) -> None:
    """Raises FrameError. Errors of a stream's frames end the connection too, as RFC 9113 5.4.1 allows."""
    if frame.kind >= len(_SHAPES):
        return  # RFC 9113 5.5: to be ignored, wherever it stands
    place, shortest, longest = _SHAPES[frame.kind]
    if place is (Place.CONNECTION if frame.stream else Place.STREAM):
        raise FrameError(f"{Kind(frame.kind).name} on stream {frame.stream}")
    if not shortest <= len(frame.raw) - FRAME_HEAD <= longest:
        raise FrameError(f"{Kind(frame.kind).name} of {len(frame.payload)} bytes", ErrorCodes.FRAME_SIZE_ERROR)


def contents(frame: Frame) -> bytes:
    """What DATA or HEADERS hold without padding and priority; raises FrameError."""
    raw, flags, start, end = frame.raw, frame.flags, FRAME_HEAD, len(frame.raw)
    if flags & PADDED:
        if start == end:
            raise FrameError(f"{Kind(frame.kind).name} without the length of its padding", ErrorCodes.FRAME_SIZE_ERROR)
        end -= raw[start]
        start += 1
    if flags & PRIORITY and frame.kind == Kind.HEADERS:
        check_priority(frame.stream, raw[start : start + _PRIORITY_BYTES])
        start += _PRIORITY_BYTES
    if start > end:
        raise FrameError(f"{Kind(frame.kind).name} with more padding than there is room for")
    return raw[start:end]


def check_priority(stream: int, payload: bytes) -> None:
    """RFC 7540 5.3.1: a stream cannot depend on itself. Nothing else of a priority is looked at (RFC 9113 5.3.2)."""
    if int.from_bytes(payload[:4]) & _STREAM_BITS == stream:
        raise FrameError("a stream that depends on itself")
