"""What do the two ends of an HTTP/2 connection tell each other about themselves? (RFC 9113 6.5)"""

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Final

from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from mesh_gateway.proxy.bounds import MAX_FRAME, STREAM_WINDOW
from mesh_gateway.proxy.fast_path.http2_frames import FrameError
from mesh_gateway.proxy.fast_path.http2_table import FIELD_OVERHEAD
from mesh_gateway.routing.head import HeadLimits

MAX_STREAMS: Final = 100
MAX_WINDOW: Final = (1 << 31) - 1  # RFC 9113 6.9.1
_LARGEST_FRAME: Final = (1 << 24) - 1
_SETTING: Final = Struct(">HL")

# What each may be, and the error for what it may not. Settings that nobody here knows may be anything.
_ALLOWED: Final = {
    SettingCodes.ENABLE_PUSH: (0, 1, ErrorCodes.PROTOCOL_ERROR),
    SettingCodes.INITIAL_WINDOW_SIZE: (0, MAX_WINDOW, ErrorCodes.FLOW_CONTROL_ERROR),
    SettingCodes.MAX_FRAME_SIZE: (MAX_FRAME, _LARGEST_FRAME, ErrorCodes.PROTOCOL_ERROR),
    SettingCodes.ENABLE_CONNECT_PROTOCOL: (0, 1, ErrorCodes.PROTOCOL_ERROR),  # RFC 8441 3
}


def read_settings(payload: bytes) -> Iterator[tuple[int, int]]:
    """Number and value of each setting, in their order; raises FrameError."""
    if len(payload) % _SETTING.size:
        raise FrameError(f"SETTINGS of {len(payload)} bytes", ErrorCodes.FRAME_SIZE_ERROR)
    for number, value in _SETTING.iter_unpack(payload):
        if number in _ALLOWED:
            least, most, code = _ALLOWED[SettingCodes(number)]
            if not least <= value <= most:
                raise FrameError(f"setting {SettingCodes(number).name} of {value}", code)
        yield number, value


def own_settings(limits: HeadLimits) -> bytes:
    """The payload of what a client is told: bounds, and that WebSockets may come over a stream (RFC 8441 3)."""
    return _written(
        (
            (SettingCodes.MAX_CONCURRENT_STREAMS, MAX_STREAMS),
            (SettingCodes.INITIAL_WINDOW_SIZE, STREAM_WINDOW),
            (SettingCodes.MAX_HEADER_LIST_SIZE, limits.size + FIELD_OVERHEAD * limits.fields),
            (SettingCodes.ENABLE_CONNECT_PROTOCOL, 1),
        )
    )


def _written(settings: Iterable[tuple[int, int]]) -> bytes:
    return b"".join([_SETTING.pack(*setting) for setting in settings])
