"""Do the clients that bench has of its own ask what they should, and count what comes?"""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bench.echo import Echo
from bench.idle import idle_connections
from bench.places import LOOPBACK
from bench.round_trips import round_trips
from bench.visits import VisitError, visit
from tests.rig.ports import dead_port, port_of


class Host:
    """A small server that writes down whom it was asked for."""

    def __init__(self, status: str = "200 OK") -> None:
        self.seen: list[str] = []
        self.open = 0
        self._answer = f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok".encode()

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.open += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.seen.append(head.decode().partition("Host: ")[2].partition("\r\n")[0])
                writer.write(self._answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self.serve, LOOPBACK, 0)
        async with server:
            yield port_of(server.sockets[0])


async def test_each_tenant_is_asked_for_once() -> None:
    host = Host()
    async with host.listening() as port:
        await visit(port, 100, 20.0)
    assert sorted(host.seen) == sorted(f"t{number}.example.com" for number in range(100))


async def test_an_answer_of_another_status_ends_the_visits() -> None:
    async with Host("404 Not Found").listening() as port:
        with pytest.raises(VisitError, match="404"):
            await visit(port, 100, 20.0)


async def test_idle_connections_have_had_an_answer_and_stay_open() -> None:
    host = Host()
    async with host.listening() as port, idle_connections(port, 50):
        assert (len(host.seen), host.open) == (50, 50)


@asynccontextmanager
async def echo() -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(Echo, LOOPBACK, 0)
    async with server:
        yield port_of(server.sockets[0])


async def test_round_trips_are_counted() -> None:
    async with echo() as port:
        reading = await round_trips(port, 4, 0.05)
    assert reading.errors == 0
    assert reading.requests >= 4
    assert 0 < reading.p50_ms <= reading.p99_ms


async def test_the_echo_answers_a_plain_request_too() -> None:
    async with echo() as port:
        await visit(port, 3, 20.0)


async def test_no_handshake_is_no_measurement() -> None:
    async with Host().listening() as port:
        with pytest.raises(ConnectionError, match="200 OK"):
            await round_trips(port, 1, 0.05)
    with dead_port() as port, pytest.raises(ConnectionRefusedError):
        await round_trips(port, 1, 0.05)
