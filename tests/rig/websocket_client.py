"""What does a WebSocket client see through the gateway? A handshake and messages, judged by wsproto."""

import asyncio
import contextlib
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    RejectConnection,
    Request,
    TextMessage,
)

from tests.rig.patience import PATIENCE_SECONDS
from tests.rig.ports import LOOPBACK

Whole = str | bytes


class WebSocket:
    """One connection; `send` events, `expect` events."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = WSConnection(ConnectionType.CLIENT)

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(
        cls,
        port: int,
        host: str,
        target: str = "/",
        subprotocol: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> "AsyncIterator[WebSocket]":
        """A connection that has sent its handshake."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(
                LOOPBACK, port, ssl=tls, server_hostname=host if tls else None
            )
        client = cls(reader, writer)
        try:
            await client.send(Request(host=host, target=target, subprotocols=[subprotocol] if subprotocol else []))
            yield client
        finally:
            writer.transport.abort()

    async def send(self, event: Event) -> None:
        self._writer.write(self._protocol.send(event))
        await self._writer.drain()

    async def accepted(self) -> AcceptConnection:
        """The successful end of the handshake."""
        event = await self.expect()
        assert isinstance(event, AcceptConnection), event
        return event

    async def rejected(self) -> int:
        """The status of a handshake that was refused."""
        event = await self.expect()
        assert isinstance(event, RejectConnection), event
        return event.status_code

    async def message(self) -> Whole:
        """The next whole message."""
        pieces: list[str | bytes | bytearray] = []
        while True:
            event = await self.expect()
            assert isinstance(event, Message), event
            pieces.append(event.data)
            if event.message_finished:
                return (
                    "".join(map(str, pieces))
                    if isinstance(event, TextMessage)
                    else b"".join(bytes(p) for p in pieces if not isinstance(p, str))
                )

    async def exchange(self, sent: Whole) -> Whole:
        """Send a message, and the next one that comes."""
        await self.send(TextMessage(data=sent) if isinstance(sent, str) else BytesMessage(data=sent))
        return await self.message()

    async def closed(self) -> int:
        """The code of the peer's close; 1006 when there was none (RFC 6455 7.1.5)."""
        try:
            event = await self.expect()
        except ConnectionError:
            return 1006
        assert isinstance(event, CloseConnection), event
        return int(event.code)

    async def expect(self) -> Event:
        """The next event."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                for event in self._protocol.events():
                    return event
                data = await self._reader.read(1 << 17)
                if not data:
                    raise ConnectionResetError("closed without a close frame")
                self._protocol.receive_data(data)
