"""How does a stand-in read one HTTP/1 request and write its answer, byte by byte?"""

import json
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from tests.rig.arrival import Arrival
from tests.rig.payload import BLOCK_SIZE

Lines = Sequence[tuple[str, str]]
_BODILESS = (204, 304)


@dataclass(slots=True)
class Call:
    """One request at a stand-in, and the pen for its answer. Sending is raw: nothing is checked or added."""

    origin: str
    arrival: Arrival
    reader: StreamReader
    writer: StreamWriter
    keep: bool = True
    """Whether the connection goes on after this call."""

    async def body(self) -> AsyncIterator[bytes]:
        """The decoded body, piece by piece, and counted; chunked first, RFC 9112 6.3."""
        if self.arrival.complete:
            return
        pieces = (
            self._chunked() if "chunked" in ",".join(self.arrival.all("transfer-encoding")).lower() else self._sized()
        )
        async for piece in pieces:
            self.arrival.body.add(piece)
            yield piece
        self.arrival.complete = True

    async def drain(self) -> None:
        """Read the body to its end."""
        async for _ in self.body():
            pass

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
        await self.writer.drain()

    async def head(self, status: int, *fields: tuple[str, str]) -> None:
        await self.send(head_bytes(status, fields))

    async def reply(self, status: int = 200, body: bytes = b"", *fields: tuple[str, str]) -> None:
        """A whole answer with its length, to HEAD without its body."""
        length = () if status in _BODILESS else (("Content-Length", str(len(body))),)
        with_body = body if self.arrival.method != "HEAD" and status not in _BODILESS else b""
        await self.send(head_bytes(status, (*length, *fields)) + with_body)

    async def reply_json(self, status: int, value: object, *fields: tuple[str, str]) -> None:
        await self.reply(status, json.dumps(value).encode(), ("Content-Type", "application/json"), *fields)

    def hang_up(self) -> None:
        """Close in good order."""
        self.keep = False
        self.writer.close()

    def reset(self) -> None:
        """Break off with RST: a linger of 0 s drops what is queued (socket(7))."""
        self.keep = False
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def _sized(self) -> AsyncIterator[bytes]:
        left = int((self.arrival.all("content-length") or ["0"])[0])
        while left:
            piece = await self._some(left)
            left -= len(piece)
            yield piece

    async def _some(self, most: int) -> bytes:
        piece = await self.reader.read(min(most, 4 * BLOCK_SIZE))
        if not piece:
            raise ConnectionResetError("the body ended early")
        return piece

    async def _chunked(self) -> AsyncIterator[bytes]:
        while size := int((await self.reader.readuntil(b"\r\n")).partition(b";")[0], 16):
            yield await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        while (line := await self.reader.readuntil(b"\r\n")) != b"\r\n":
            name, _, value = line.decode("latin-1").partition(":")
            self.arrival.trailers.append((name, value.strip()))


Behaviour = Callable[[Call], Awaitable[None]]


def head_bytes(status: int, fields: Lines) -> bytes:
    """The head of an answer."""
    phrase = HTTPStatus(status).phrase if status in HTTPStatus else "-"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
