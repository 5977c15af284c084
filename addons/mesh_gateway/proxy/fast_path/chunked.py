"""Where are the chunks of a body, and how is one written? (RFC 9112 7.1)

h11 reads them, as on the flow path; here in steps, so that a peer with tiny chunks does not keep the others waiting,
and all chunks of one step as one piece, so that it makes no work for the other side either.
"""

from enum import Enum, unique
from typing import NamedTuple

import h11
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer

from mesh_gateway.proxy.bounds import MAX_FRAMING_BYTES

IN_ONE_GO = 1000
LAST_CHUNK = b"0\r\n\r\n"


@unique
class Progress(Enum):
    """How it goes on behind a piece."""

    WAITS = "waits"
    """More must come."""
    GOES_ON = "goes on"
    """More is at hand, when the others have had their turn."""
    OVER = "over"
    BROKEN = "broken"


class Piece(NamedTuple):
    """The chunks that one step has found, put together."""

    data: bytes
    progress: Progress
    reason: str = ""
    """Why it is broken."""


class ChunkedBody:
    """A body that comes in chunks."""

    __slots__ = ("_buffer", "_reader")

    def __init__(self) -> None:
        self._reader = ChunkedReader()
        self._buffer = ReceiveBuffer()

    def feed(self, data: bytes) -> None:
        """Take bytes from the peer."""
        self._buffer += data

    def take(self) -> Piece:
        """What is complete, as far as one step goes."""
        data = bytearray()
        try:
            for _ in range(IN_ONE_GO):
                part = self._reader(self._buffer)
                if part is None:
                    return self._waiting(bytes(data))
                if isinstance(part, h11.EndOfMessage):
                    return Piece(bytes(data), Progress.OVER)
                data += part.data
        except h11.ProtocolError as error:
            return Piece(bytes(data), Progress.BROKEN, str(error))
        return Piece(bytes(data), Progress.GOES_ON)

    def _waiting(self, data: bytes) -> Piece:
        if len(self._buffer) > MAX_FRAMING_BYTES:
            return Piece(data, Progress.BROKEN, "chunk framing too long")
        return Piece(data, Progress.WAITS)

    def give_back(self) -> bytes:
        """The bytes that were not taken: the body's own after a step, its successor's after its end."""
        return bytes(self._buffer.maybe_extract_at_most(len(self._buffer)) or b"")


def chunk(data: bytes) -> bytes:
    """`data` as one chunk; nothing would be the last one, so it is none."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
