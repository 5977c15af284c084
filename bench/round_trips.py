"""How many WebSocket messages come back in a second? A client for many connections, one message at a time on each."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from bench.frames import cut, masked, unmasked
from bench.places import ECHO_HOST, LOOPBACK
from bench.readings import Reading, reading_of

_MESSAGE: Final = masked(b"round and round it goes, where it stops everybody knows: at home", b"\x37\xfa\x21\x3d")
_ECHO: Final = unmasked(_MESSAGE)
_HANDSHAKE: Final = (
    f"GET / HTTP/1.1\r\nHost: {ECHO_HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
).encode()
_OPEN_SECONDS = 30.0


class _Client(asyncio.Protocol):
    """One WebSocket. While it is going it answers each message that comes back with the next."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting = bytearray()
        self._sent = 0.0
        self.latencies_ms: list[float] = []
        self.going = False
        self.fault: Exception | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP client's are
        self.transport = transport
        transport.write(_HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        if not self.opened.done():
            self._read_head()
            return
        for frame in cut(self._waiting):
            self._hear(frame)

    def _hear(self, frame: bytes) -> None:
        if frame != _ECHO:
            self.fault = ValueError("what came back is not what was sent")
            self.transport.abort()
        elif self.going:
            self.latencies_ms.append((self._clock() - self._sent) * 1000)
            self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        self.fault = self.fault or exc or ConnectionResetError("the WebSocket was closed")
        if not self.opened.done():
            self.opened.set_exception(self.fault)

    def send(self) -> None:
        self._sent = self._clock()
        self.transport.write(_MESSAGE)

    def _read_head(self) -> None:
        head, end, rest = bytes(self._waiting).partition(b"\r\n\r\n")
        if end and head.startswith(b"HTTP/1.1 101"):
            self._waiting = bytearray(rest)
            self.opened.set_result(None)
        elif end:
            self.opened.set_exception(ConnectionError(head.partition(b"\r\n")[0].decode()))


async def round_trips(
    port: int, connections: int, seconds: float, *, clock: Callable[[], float] = time.perf_counter
) -> Reading:
    """Open all connections, let them go for `seconds`, and close them."""
    loop = asyncio.get_running_loop()
    clients: list[_Client] = []
    try:
        async with asyncio.timeout(_OPEN_SECONDS):
            for _ in range(connections):
                _, client = await loop.create_connection(lambda: _Client(clock), LOOPBACK, port)
                clients.append(client)
                await client.opened
        return await _go(clients, seconds, clock)
    finally:
        for client in clients:
            client.transport.abort()


async def _go(clients: list[_Client], seconds: float, clock: Callable[[], float]) -> Reading:
    started = clock()
    for client in clients:
        client.going = True
        client.send()
    await asyncio.sleep(seconds)
    elapsed = clock() - started
    for client in clients:
        client.going = False
    latencies = [latency for client in clients for latency in client.latencies_ms]
    return reading_of(latencies, len(latencies), elapsed, errors=sum(client.fault is not None for client in clients))
