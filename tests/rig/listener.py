"""Who listens on loopback, and what bytes arrived there? The base of the stand-in servers."""

import asyncio
import contextlib
import ssl
from asyncio import StreamReader, StreamReaderProtocol, StreamWriter
from collections.abc import Iterable
from types import TracebackType
from typing import Self, SupportsIndex

from tests.rig.ports import LOOPBACK

RECORD_LIMIT = 1 << 20
"""Bytes kept of each connection; more go by unrecorded."""
READ_LIMIT = 1 << 20
_BACKLOG = 2048

faults: list[Exception] = []
"""What went wrong in stand-ins; each test must leave it empty."""


class RecordingReader(StreamReader):
    """A stream reader that keeps a copy of what the socket gave, parsed or not."""

    def __init__(self) -> None:
        super().__init__(limit=READ_LIMIT)
        self.record = bytearray()

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        if len(self.record) < RECORD_LIMIT:
            self.record += bytes(data)
        super().feed_data(data)


class Listener:
    """A TCP server on an ephemeral port; `stop` ends its connections too. Subclasses say how to `serve` one."""

    def __init__(self, tls: ssl.SSLContext | None = None, address: str = LOOPBACK) -> None:
        self.address = address
        self.port = 0
        self.records: list[bytearray] = []
        """What arrived, one entry per connection (after TLS)."""
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        """How many connections were made, ever."""
        return len(self.records)

    @property
    def wire(self) -> bytes:
        """Everything that arrived, on all connections."""
        return b"".join(bytes(record) for record in self.records)

    async def serve(self, reader: StreamReader, writer: StreamWriter, connection: int) -> None:
        raise NotImplementedError

    async def start(self) -> Self:
        """Listen; after a `stop`, on the same port as before."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._protocol, self.address, self.port, ssl=self._tls, backlog=_BACKLOG, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Refuse new connections and break off those that are there."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for task in tuple(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _protocol(self) -> StreamReaderProtocol:
        return StreamReaderProtocol(RecordingReader(), self._connected)

    async def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        assert isinstance(reader, RecordingReader)
        self.records.append(reader.record)
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError, ssl.SSLError):
                await self.serve(reader, writer, len(self.records))
            writer.close()
        except asyncio.CancelledError:
            writer.transport.abort()
        except Exception as error:  # noqa: BLE001 - a fault of the stand-in must fail the test, whatever it is
            faults.append(error)
            writer.transport.abort()
        finally:
            self._serving.discard(task)
