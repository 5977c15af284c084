"""What do the other workers count? Each offers its page of metrics on a socket in a folder that they share."""

import asyncio
import os
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

DEADLINE_SECONDS = 1.0
LENGTH_BYTES = 4
"""A page begins with its length, so that one that was broken off is none."""


class Siblings:
    """The workers of one gateway, as one of them sees them. A socket is named by its worker's number."""

    def __init__(self, folder: Path, number: str, page: Callable[[], str]) -> None:
        self._folder = folder
        self._number = number
        self._page = page
        self._server: asyncio.Server | None = None
        # A socket's path has room for 107 bytes (unix(7)); a temporary folder's may be longer.
        self._reach = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    async def start(self) -> None:
        """Offer this worker's page; raises OSError where that cannot be."""
        (self._folder / self._number).unlink(missing_ok=True)
        own = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        own.bind(self._path(self._number))
        self._server = await asyncio.start_unix_server(self._show, sock=own)

    def close(self) -> None:
        """Offer it no more."""
        if self._server:
            self._server.close()
        os.close(self._reach)

    async def pages(self) -> dict[str, str | None]:
        """Number -> page; None for a worker that does not answer in time."""
        others = [path.name for path in self._folder.iterdir() if path.name != self._number]
        asked = await asyncio.gather(*(self._ask(number) for number in others))
        found = {self._number: self._page(), **dict(zip(others, asked, strict=True))}
        return {number: found[number] for number in sorted(found, key=int)}

    async def _ask(self, number: str) -> str | None:
        with suppress(OSError, EOFError, TimeoutError):
            async with asyncio.timeout(DEADLINE_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._path(number))
                try:
                    length = int.from_bytes(await reader.readexactly(LENGTH_BYTES))
                    return (await reader.readexactly(length)).decode()
                finally:
                    writer.close()
        return None

    async def _show(self, _: StreamReader, writer: StreamWriter) -> None:
        page = self._page().encode()
        with suppress(OSError):
            writer.write(len(page).to_bytes(LENGTH_BYTES) + page)
            await writer.drain()
        writer.close()

    def _path(self, number: str) -> str:
        return f"/proc/self/fd/{self._reach}/{number}"
