"""What does the gateway say over HTTP/1? Every byte of it, framing taken off, as lines of text."""

import asyncio
import ssl
from asyncio import IncompleteReadError, StreamReader
from collections.abc import Awaitable
from dataclasses import dataclass, field

from tests.parity.texts import body_text, show
from tests.rig.patience import PATIENCE_SECONDS

_BODILESS = (204, 304)
_SWITCHING_PROTOCOLS = 101
_FIRST_FINAL = 200


class BrokenOffError(Exception):
    """The gateway closed or reset the connection; the text says which."""


@dataclass(slots=True)
class Http1Reader:
    """The receiving half of one connection. Nothing raises: how it ended is in `ended`."""

    reader: StreamReader
    lines: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """Of the final answers."""
    ended: str = ""
    """`close`, `reset` or `silent`, once it is."""
    is_last: bool = False
    """Whether no further answer can come: the last one said so, or made a tunnel."""

    async def answer(self, method: str) -> None:
        """The next final answer, and the interim ones before it."""
        if not self.ended:
            await self._guarded(self._answer(method))

    async def head(self) -> None:
        """The next head, of an interim answer or any other."""
        await self._guarded(self._head())

    async def tunnelled(self, count: int) -> None:
        """So many bytes of an upgraded connection."""
        data = bytearray()
        await self._guarded(self._sized(count, data))
        self.lines.append(f"tunnel: {show(bytes(data))}")

    async def until_end(self) -> None:
        """Whatever comes until the gateway ends the connection."""
        data = bytearray()
        await self._guarded(self._rest(data))
        if data:
            self.lines.append(f"unasked: {show(bytes(data))}")
        self.ended = self.ended or "close"

    async def _guarded(self, reading: Awaitable[object]) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await reading
        except BrokenOffError as end:
            self.ended = str(end)
        except TimeoutError:
            self.ended = "silent"

    async def _answer(self, method: str) -> None:
        status = 0
        while status < _FIRST_FINAL and status != _SWITCHING_PROTOCOLS:
            status, fields = await self._head()
        self.statuses.append(status)
        is_tunnel = status == _SWITCHING_PROTOCOLS
        self.is_last = is_tunnel or "close" in fields.get("connection", "").lower()
        if method != "HEAD" and status not in _BODILESS and not is_tunnel:
            await self._body(fields)

    async def _head(self) -> tuple[int, dict[str, str]]:
        first, *lines = (await _taken(self.reader.readuntil(b"\r\n\r\n")))[:-4].split(b"\r\n")
        self.lines += ["answer: " + show(first), *("  " + show(line) for line in lines)]
        split = (line.decode("latin-1").partition(":") for line in lines)
        return int(first.split(b" ")[1]), {name.lower(): value.strip() for name, _, value in split}

    async def _body(self, fields: dict[str, str]) -> None:
        body = bytearray()
        if "transfer-encoding" in fields:
            kind, reading = "chunked", self._chunks(body)
        elif "content-length" in fields:
            kind, reading = "length", self._sized(int(fields["content-length"]), body)
        else:
            kind, reading = "until close", self._rest(body)
        try:
            await reading
        except BrokenOffError as end:
            self.lines += [f"  body, {kind}:", f"  broken off by {end} after {body_text(bytes(body))}"]
            raise
        self.lines.append(f"  body, {kind}, {body_text(bytes(body))}")

    async def _sized(self, size: int, body: bytearray) -> None:
        while len(body) < size:
            piece = await _taken(self.reader.read(size - len(body)))
            if not piece:
                raise BrokenOffError("close")
            body += piece

    async def _chunks(self, body: bytearray) -> None:
        while size := int(await _taken(self.reader.readuntil(b"\r\n")), 16):
            body += await _taken(self.reader.readexactly(size))
            assert await _taken(self.reader.readexactly(2)) == b"\r\n"
        while (line := await _taken(self.reader.readuntil(b"\r\n"))) != b"\r\n":
            self.lines.append("  trailer " + show(line))

    async def _rest(self, body: bytearray) -> None:
        while piece := await _taken(self.reader.read(1 << 16)):
            body += piece


async def _taken(reading: Awaitable[bytes]) -> bytes:
    """What was read; raises BrokenOffError where the connection ended first."""
    try:
        return await reading
    except IncompleteReadError as error:
        raise BrokenOffError("close" + (f" behind {show(error.partial)}" if error.partial else "")) from error
    except (ConnectionError, ssl.SSLError) as error:
        raise BrokenOffError("reset") from error
