"""What does the gateway send over HTTP/1.1, byte for byte? A client that sends what it is told and reads strictly."""

import asyncio
import contextlib
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Self

import h11

from tests.rig.answer import Answer
from tests.rig.call import chunk
from tests.rig.patience import PATIENCE_SECONDS
from tests.rig.ports import LOOPBACK

Lines = Sequence[tuple[str, str]]
_PIECE = 1 << 17
# h11 has one exception for all violations and no code for this one.
_CUT_SHORT = ("peer closed connection", "peer unexpectedly closed", "event type ConnectionClosed")


class ConnectionEndedError(ConnectionError):
    """The gateway closed before an answer."""


class Http1:
    """One kept connection. h11 judges the answers: what breaks RFC 9112 raises h11.RemoteProtocolError."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._left = b""

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(
        cls, port: int, *, tls: ssl.SSLContext | None = None, sni: str | None = None, address: str = LOOPBACK
    ) -> AsyncIterator[Self]:
        """A connection for the time of the block."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(address, port, ssl=tls, server_hostname=sni, limit=1 << 18)
        try:
            yield cls(reader, writer)
        finally:
            writer.transport.abort()

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._writer.write(piece)
        await self._writer.drain()

    def send_end(self) -> None:
        """Half-close: no more from this side."""
        self._writer.write_eof()

    async def ask(
        self, method: str, host: str, target: str = "/", *fields: tuple[str, str], body: bytes | None = None
    ) -> Answer:
        """A well-formed request and its answer."""
        length = [("Content-Length", str(len(body)))] if body is not None else []
        await self.send(request_head(method, target, [("Host", host), *length, *fields]) + (body or b""))
        return await self.answer(method)

    async def upload(
        self, method: str, host: str, target: str, pieces: Iterable[bytes], length: int | None = None
    ) -> Answer:
        """A streamed body, chunked where no length is given; the answer is awaited at its end."""
        framing = ("Transfer-Encoding", "chunked") if length is None else ("Content-Length", str(length))
        await self.send(request_head(method, target, [("Host", host), framing]))
        for piece in pieces:
            await self.send(chunk(piece) if length is None else piece)
        await self.send(b"0\r\n\r\n" if length is None else b"")
        return await self.answer(method)

    async def answer(
        self, method: str = "GET", *, seconds: float = PATIENCE_SECONDS, pause_seconds: float = 0.0
    ) -> Answer:
        """The next final answer; `pause_seconds` before each piece make a slow reader."""
        parser = _expecting(method)
        answer: Answer | None = None
        interim: list[int] = []
        while True:
            match await self._event(parser, seconds, pause_seconds):
                case h11.InformationalResponse() as event:
                    interim.append(event.status_code)
                case h11.Response() as event:
                    answer = Answer(event.status_code, _decoded(event.headers), event.http_version.decode(), interim)
                case h11.Data() as event if answer:
                    answer.add(bytes(event.data))
                case h11.EndOfMessage() as event if answer:
                    answer.trailers = _decoded(event.headers)
                    answer.whole = True
                    self._left = parser.trailing_data[0]
                    return answer
                case None if answer:
                    return answer
                case other:
                    raise ConnectionEndedError(f"instead of an answer: {other}")

    async def status(self) -> int:
        """The next status line's code alone, whatever it is: for 101, where HTTP/1 ends."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return int((await self._reader.readuntil(b"\r\n")).split()[1])

    async def at_end(self, seconds: float = PATIENCE_SECONDS) -> bool:
        """Whether the gateway closes; False when it sends something more or stays."""
        try:
            async with asyncio.timeout(seconds):
                return not self._left and not await self._reader.read(1)
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    async def _event(self, parser: h11.Connection, seconds: float, pause_seconds: float) -> object:
        """The next event; None when the answer was broken off."""
        if self._left:
            parser.receive_data(self._left)
            self._left = b""
        while (event := _next(parser)) is h11.NEED_DATA:
            await asyncio.sleep(pause_seconds)
            async with asyncio.timeout(seconds):
                try:
                    parser.receive_data(await self._reader.read(_PIECE))
                except ConnectionError:
                    return None
        return None if isinstance(event, h11.ConnectionClosed) else event


def request_head(method: str, target: str, fields: Lines, version: str = "HTTP/1.1") -> bytes:
    """The bytes of a request head."""
    return "\r\n".join(
        [f"{method} {target} {version}", *(f"{name}: {value}" for name, value in fields), "", ""]
    ).encode("latin-1")


def _expecting(method: str) -> h11.Connection:
    """A parser in the state of having sent such a request; what was really sent is not its concern."""
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    parser.send(h11.Request(method=method, target="/", headers=[("Host", "any")]))
    parser.send(h11.EndOfMessage())
    return parser


def _next(parser: h11.Connection) -> object:
    """The next event; an answer cut short by EOF is None, other violations stay errors."""
    try:
        return parser.next_event()
    except h11.RemoteProtocolError as error:
        if any(sign in str(error) for sign in _CUT_SHORT):
            return None
        raise


def _decoded(fields: h11._headers.Headers) -> list[tuple[str, str]]:
    """With the names as they came: h11 itself has them in lower case."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields.raw_items()]
