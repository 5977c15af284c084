"""What does a WebSocket hear? Its own words (RFC 6455), as fast as Python can. `python -m bench.echo PORT`.

It does what the measurement needs: short messages, whole frames, and 200 to a request that is no handshake.
"""

import asyncio
import base64
import hashlib
import sys
from typing import Final

from bench.frames import cut, unmasked
from bench.places import LOOPBACK

_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 1.3."""
_PLAIN: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\necho\n"
_BACKLOG: Final = 4096


class Echo(asyncio.Protocol):
    """One connection. Its state is what has come and is not a whole head or frame yet."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP server's are
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        if not self._upgraded and not self._read_head():
            return
        frames = cut(self._waiting)
        if frames:
            self._transport.write(b"".join(unmasked(frame) for frame in frames))

    def _read_head(self) -> bool:
        """Answer a request; whether it was a handshake."""
        head, end, rest = bytes(self._waiting).partition(b"\r\n\r\n")
        if not end:
            return False
        self._waiting = bytearray(rest)
        key = next(
            (line[18:].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")), b""
        )
        self._upgraded = bool(key)
        self._transport.write(_accept(key) if key else _PLAIN)
        return self._upgraded


def _accept(key: bytes) -> bytes:
    answer = base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    return head + answer + b"\r\n\r\n"


async def serve(port: int) -> None:
    """Until it is ended."""
    server = await asyncio.get_running_loop().create_server(Echo, LOOPBACK, port, backlog=_BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
