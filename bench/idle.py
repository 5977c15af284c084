"""What does a connection cost that does nothing? Many of them, each kept open after one request."""

import asyncio
from asyncio import StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.places import HOST, LOOPBACK

_REQUEST = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
_AT_A_TIME = 25
_OPEN_SECONDS = 120.0


@asynccontextmanager
async def idle_connections(port: int, count: int) -> AsyncIterator[None]:
    """All of them are open, and have had an answer, while the block runs."""
    writers: list[StreamWriter] = []
    try:
        async with asyncio.timeout(_OPEN_SECONDS):
            for _ in range(0, count, _AT_A_TIME):
                writers += await asyncio.gather(*(_ask_once(port) for _ in range(_AT_A_TIME)))
        yield
    finally:
        for writer in writers:
            writer.transport.abort()


async def _ask_once(port: int) -> StreamWriter:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(_REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(head.partition(b"\r\n")[0].decode())
    return writer
