"""Small real peers for the resolver's tests: a clock that is set, an HTTP server that misbehaves on demand."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from mesh_gateway.resolve.api_client import ApiClient
from mesh_gateway.resolve.dialing import Dialing
from mesh_gateway.resolve.http_source import HttpSource
from mesh_gateway.resolve.names import Names, system_look_up
from mesh_gateway.resolve.observer import CallOutcome, ResolverEvent
from mesh_gateway.resolve.resolver import Resolver
from mesh_gateway.routing.addresses import AddressPolicy
from mesh_gateway.settings import Settings, read_settings

POLICY = AddressPolicy(allowed=())
Behaviour = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


def dice() -> Random:
    return Random(7)  # noqa: S311 - jitter, not secrets


def settings(**texts: str) -> Settings:
    return read_settings({"server_domain": "example.com", "resolve_budget": "2", **texts})


class Clock:
    """Monotonic seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


class Tally:
    """An observer that counts."""

    def __init__(self) -> None:
        self.events: Counter[ResolverEvent] = Counter()
        self.calls: Counter[CallOutcome] = Counter()
        self.dropped = 0

    def event(self, event: ResolverEvent) -> None:
        self.events[event] += 1

    def api_call(self, outcome: CallOutcome, seconds: float) -> None:
        assert seconds >= 0
        self.calls[outcome] += 1

    def routes_dropped(self, count: int) -> None:
        self.dropped += count


def response(status: int, body: bytes | object, content_type: str = "application/json") -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def routes_of(*ips: str, ttl: float | None = 580, **members: Any) -> dict[str, Any]:
    """An answer of the API with one route per address."""
    routes = [{"ip": ip, "port": 443, "priority": index, "source": "agent"} for index, ip in enumerate(ips)]
    return {"userId": "abc123", "routes": routes, "routesTtl": ttl, **members}


class Api:
    """A resolution API. `tenants` are its answers, `behaviour` replaces them all with what a test wants to go wrong."""

    def __init__(self) -> None:
        self.tenants: dict[str, Any] = {}
        self.paths: dict[str, bytes] = {}
        self.behaviour: Behaviour | None = None
        self.calls: list[str] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Die: the port is closed, and so are all connections."""
        if self._server:
            self._server.close()
            for writer in tuple(self._writers):
                writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ")[1].decode()
                self.calls.append(path)
                await (self.behaviour or self._answer)(path, writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> None:
        tenant = path.rpartition("/")[2]
        if path in self.paths:
            writer.write(self.paths[path])
        elif path.startswith("/resolve/v2/") and tenant in self.tenants:
            writer.write(response(200, self.tenants[tenant]))
        else:
            writer.write(response(404, {"error": "Domain not found"}))


def always(raw: bytes) -> Behaviour:
    """The same bytes to every request."""

    async def behave(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    return behave


async def hang(_: str, writer: asyncio.StreamWriter) -> None:
    """Say nothing until the client has gone."""
    await asyncio.wait_for(writer.wait_closed(), 30)


async def trickle(_: str, writer: asyncio.StreamWriter) -> None:
    """A whole answer, byte by byte and far too slowly."""
    for byte in response(200, routes_of("203.0.113.1")):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.3)


def client_of(url: str, clock: Clock) -> ApiClient:
    return ApiClient(url, Dialing(Names(system_look_up, clock=clock)))


def source_of(url: str, clock: Clock) -> HttpSource:
    return HttpSource(client_of(url, clock), POLICY, clock=clock)


class World:
    """An API, and a resolver that asks it."""

    def __init__(self, **texts: str) -> None:
        self.api = Api()
        self.clock = Clock()
        self.tally = Tally()
        self._texts = texts

    async def start(self) -> None:
        await self.api.start()
        self.resolver = Resolver(
            source_of(self.api.url, self.clock),
            settings(**self._texts),
            clock=self.clock,
            random=dice(),
            observer=self.tally,
        )

    async def stop(self) -> None:
        await self.resolver.close()
        await self.api.stop()


@asynccontextmanager
async def world(**texts: str) -> AsyncIterator[World]:
    it = World(**texts)
    await it.start()
    try:
        yield it
    finally:
        await it.stop()
