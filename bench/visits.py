"""Has every tenant been asked for once? A client that counts, which wrk cannot: it stops by the clock alone."""

import asyncio
import re
from collections.abc import Iterator
from typing import Final

from bench.places import DOMAIN, LOOPBACK

_AT_A_TIME: Final = 32
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class VisitError(ConnectionError):
    """A tenant was not answered for. The text is the answer's first line, or what went wrong."""


class _Visitor(asyncio.Protocol):
    """One connection that asks for one tenant after the other, until there is none left."""

    def __init__(self, tenants: Iterator[int]) -> None:
        self._tenants = tenants
        self._waiting = bytearray()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP client's are
        self.transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        head, end, body = self._waiting.partition(b"\r\n\r\n")
        if not end:
            return
        length = _LENGTH.search(head + b"\r\n")
        if length is None or not head.startswith(b"HTTP/1.1 200 "):
            self._end(VisitError(head.partition(b"\r\n")[0].decode()))
        elif len(body) >= int(length[1]):
            self._waiting.clear()
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or VisitError("the connection was closed"))

    def _ask(self) -> None:
        tenant = next(self._tenants, None)
        if tenant is None:
            self._end(None)
        else:
            self.transport.write(f"GET / HTTP/1.1\r\nHost: t{tenant}.{DOMAIN}\r\n\r\n".encode())

    def _end(self, fault: Exception | None) -> None:
        if not self.done.done():
            if fault is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(fault)


async def visit(port: int, count: int, seconds: float) -> None:
    """Ask for tenants 0 to `count` - 1; raises OSError, or TimeoutError after `seconds`."""
    loop = asyncio.get_running_loop()
    tenants = iter(range(count))
    visitors: list[_Visitor] = []
    try:
        async with asyncio.timeout(seconds):
            for _ in range(_AT_A_TIME):
                _, visitor = await loop.create_connection(lambda: _Visitor(tenants), LOOPBACK, port)
                visitors.append(visitor)
            await asyncio.gather(*(visitor.done for visitor in visitors))
    finally:
        for visitor in visitors:
            visitor.transport.abort()
