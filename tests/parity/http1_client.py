"""What does a client see over HTTP/1? It plays a script and says at its end what became of the connection."""

import asyncio
import contextlib
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from typing import assert_never

from tests.parity.http1_reader import Http1Reader
from tests.parity.script import (
    HOST,
    Answers,
    Arrived,
    HalfClose,
    Http1Script,
    Interim,
    Leave,
    Raw,
    Send,
    Silence,
    Step,
    Wake,
    head,
)
from tests.parity.stage import Stage
from tests.rig.patience import PATIENCE_SECONDS
from tests.rig.ports import LOOPBACK

_LIMIT = 1 << 22


class Http1Client:
    """One connection."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, host: str, stage: Stage) -> None:
        self.received = Http1Reader(reader)
        self._writer = writer
        self._host = host
        self._stage = stage

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(
        cls, port: int, host: str, stage: Stage, tls: ssl.SSLContext | None, sni: str
    ) -> AsyncIterator["Http1Client"]:
        """A connection for the time of the block."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(
                LOOPBACK, port, ssl=tls, server_hostname=sni if tls else None, limit=_LIMIT
            )
        try:
            yield cls(reader, writer, host, stage)
        finally:
            writer.transport.abort()

    async def play(self, script: Http1Script) -> None:
        """All steps, and a last line on what became of the connection, unless the client left it."""
        for step in script:
            if not self.received.ended:
                await self._step(step)
        if script[-1] != Leave():
            await self._look_at_end()

    async def _step(self, step: Step) -> None:  # noqa: C901 - one arm a step
        match step:
            case Send(data):
                await self._send(data.replace(HOST.encode(), self._host.encode()))
            case Answers(methods):
                for method in methods:
                    await self.received.answer(method)
            case Interim():
                await self.received.head()
            case Arrived(count):
                await self._stage.arrived(count)
            case Raw(count):
                await self.received.tunnelled(count)
            case HalfClose():
                self._writer.write_eof()
            case Silence():
                await self.received.until_end()
            case Wake():
                await self._stage.wake()
            case Leave():
                pass
            case _:
                assert_never(step)

    async def _send(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # what came before it closed is still to be read
            self._writer.write(data)
            await self._writer.drain()

    async def _look_at_end(self) -> None:
        """Is the connection kept? Told by one more request where nothing else tells; nobody has to wait for it."""
        received = self.received
        if not received.ended and received.is_last:
            await received.until_end()
        received.lines.append(f"connection: {received.ended or await self._asked_once_more()}")

    async def _asked_once_more(self) -> str:
        lines = self.received.lines
        before = len(lines)
        await self._send(head("GET", "/_health", host=self._host))
        await self.received.head()
        if lines[before : before + 1] == ["answer: HTTP/1.1 200 OK"]:
            del lines[before:]
            return "kept"
        # A reset here is an answer to these very bytes, which nobody read.
        return "close" if self.received.ended == "reset" else self.received.ended
