"""What does the gateway make of HTTP/2 frames that no proper client would send? A connection on which they go out as given."""

import asyncio
import contextlib
import ssl
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from typing import Self

from hpack import Encoder

from mesh_gateway.tasks import Tasks
from tests.rig.patience import PATIENCE_SECONDS
from tests.rig.ports import LOOPBACK

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEAD = 9


def frame(kind: int, stream: int, payload: bytes = b"", flags: int = 0) -> bytes:
    """RFC 9113 4.1."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def field_block(host: str, *more: tuple[str, str], method: str = "GET", path: str = "/") -> bytes:
    """The fields of a request's head, which refer to nothing that was sent before."""
    block: bytes = Encoder().encode(
        [(":method", method), (":scheme", "https"), (":path", path), (":authority", host), *more]
    )
    return block


def request(stream: int, host: str, *, method: str = "GET", path: str = "/", ended: bool = True) -> bytes:
    """A whole request, or the head of one with a body."""
    flags = END_HEADERS | (END_STREAM if ended else 0)
    return frame(HEADERS, stream, field_block(host, method=method, path=path), flags)


def reset(stream: int, error_code: int) -> bytes:
    return frame(RST_STREAM, stream, struct.pack(">I", error_code))


def goodbye(last_stream: int = 0, error_code: int = 0) -> bytes:
    return frame(GOAWAY, 0, struct.pack(">II", last_stream, error_code))


class Frames:
    """One connection, and every frame that came over it."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.received: list[tuple[int, int, bytes]] = []
        """Type, stream and payload of each frame."""
        self.ended = asyncio.Event()

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(cls, port: int, tls: ssl.SSLContext, sni: str, *, reading: bool = True) -> AsyncIterator[Self]:
        """A connection that has said hello; without `reading` it takes nothing that it is sent."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(LOOPBACK, port, ssl=tls, server_hostname=sni)
        client, tasks = cls(reader, writer), Tasks()
        await client.send(PREFACE + frame(SETTINGS, 0))
        if reading:
            tasks.start(client._read(), name="frames")
        try:
            yield client
        finally:
            await tasks.close()
            writer.transport.abort()

    async def send(self, *frames: bytes) -> None:
        """All in one piece; a peer that has had enough is nobody's fault."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(b"".join(frames))
            await self._writer.drain()

    async def has_ended(self, seconds: float = 5.0) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.ended.wait()
        return self.ended.is_set()

    @property
    def error(self) -> int | None:
        """The code of the GOAWAY, None where there was none."""
        codes = [struct.unpack(">I", payload[4:8])[0] for kind, _, payload in self.received if kind == GOAWAY]
        return codes[0] if codes else None

    def count(self, kind: int, stream: int | None = None) -> int:
        """How many frames of a type came, on one stream or on all."""
        return sum(1 for received, at, _ in self.received if received == kind and stream in {None, at})

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, OSError):
            while True:
                head = await self._reader.readexactly(_HEAD)
                payload = await self._reader.readexactly(int.from_bytes(head[:3]))
                self.received.append((head[3], int.from_bytes(head[5:]), payload))
        self.ended.set()
