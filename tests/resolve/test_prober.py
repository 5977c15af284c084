import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import pytest
import trustme

from mesh_gateway.resolve.prober import CHECKS_AT_A_TIME, CHECKS_PER_ROUND, Check, Prober, is_healthy
from mesh_gateway.routing.routes import HealthCheck, Route, RouteSet, Scheme
from tests.resolve.stand_ins import Clock, dice

Report = list[tuple[str, int, bool]]


class Upstream:
    """A server that answers each request with the same bytes and notes what it was asked."""

    def __init__(self, raw: bytes, delay: float = 0) -> None:
        self.raw = raw
        self.delay = delay
        self.heads: list[str] = []
        self.under_way = 0
        self.most = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            await asyncio.sleep(self.delay)
            writer.write(self.raw)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self.under_way -= 1
            writer.close()


@asynccontextmanager
async def listening(upstream: Upstream, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


UP = HealthCheck("/up", None)


def route(port: int, scheme: Scheme = Scheme.HTTP, check: HealthCheck | None = UP) -> Route:
    return Route("127.0.0.1", port, scheme, "agent", 1, check)


def prober(routes: Iterable[Route], report: Report, tls: Callable[[], ssl.SSLContext | None] = lambda: None) -> Prober:
    found = RouteSet("alice", tuple(routes), 60)
    return Prober(
        lambda _: [found],
        lambda tenant, checked, healthy: report.append((tenant, checked.port, healthy)),
        interval=0.05,
        server_domain="example.com",
        tls=tls,
        clock=Clock(),
        random=dice(),
    )


@pytest.mark.parametrize(
    ("raw", "healthy"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.0 204 \r\n\r\n", True),
        (b"HTTP/1.1 301 Moved\r\n\r\n", False),
        (b"HTTP/1.1 503 Busy\r\n\r\n", False),
        (b"HTTP/1.1 2000 OK\r\n\r\n", False),
        (b"hello\r\n", False),
        (b"x" * 100_000, False),
        (b"", False),
    ],
)
async def test_healthy_is_2xx(raw: bytes, healthy: bool) -> None:
    report: Report = []
    upstream = Upstream(raw)
    async with listening(upstream) as port:
        await prober([route(port)], report).round()
    assert report == [("alice", port, healthy)]
    assert upstream.heads == ["HEAD /up HTTP/1.1\r\nHost: alice.example.com\r\nConnection: close\r\n\r\n"]


async def test_the_host_is_the_checks_own_where_it_names_one() -> None:
    upstream = Upstream(b"HTTP/1.1 200 OK\r\n\r\n")
    async with listening(upstream) as port:
        await prober([route(port, check=HealthCheck("/", "health.example.com"))], []).round()
    assert "Host: health.example.com\r\n" in upstream.heads[0]


async def test_nobody_there_is_unhealthy() -> None:
    report: Report = []
    async with listening(Upstream(b"")) as port:
        pass
    await prober([route(port)], report).round()
    assert report == [("alice", port, False)]


async def test_slow_is_unhealthy() -> None:
    async with listening(Upstream(b"HTTP/1.1 200 OK\r\n\r\n", delay=2.2)) as port:
        assert not await is_healthy(Check("alice", route(port), "/", "h"), None)


async def test_routes_without_a_check_are_left_alone() -> None:
    report: Report = []
    await prober([route(9, check=None)], report).round()
    assert report == []


@pytest.mark.parametrize(("name", "healthy"), [("alice.example.com", True), ("bob.example.com", False)])
async def test_a_certificate_must_verify_for_the_host(name: str, healthy: bool) -> None:
    ca, report = trustme.CA(), Report()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ca.issue_cert(name).configure_cert(server)
    ca.configure_trust(client)
    async with listening(Upstream(b"HTTP/1.1 200 OK\r\n\r\n"), server) as port:
        await prober([route(port, Scheme.HTTPS)], report, lambda: client).round()
    assert report == [("alice", port, healthy)]


async def test_https_without_trust_to_check_against_is_not_judged() -> None:
    report: Report = []
    await prober([route(9, Scheme.HTTPS)], report).round()
    assert report == []


async def test_the_work_of_a_round_is_bounded() -> None:
    report: Report = []
    upstream = Upstream(b"HTTP/1.1 200 OK\r\n\r\n", delay=0.001)
    async with listening(upstream) as port:
        await prober([route(port)] * 2000, report).round()
    assert len(report) == CHECKS_PER_ROUND
    assert upstream.most <= CHECKS_AT_A_TIME


async def test_rounds_go_on_until_it_is_closed() -> None:
    report: Report = []
    async with listening(Upstream(b"HTTP/1.1 200 OK\r\n\r\n")) as port:
        it = prober([route(port)], report)
        await it.start()
        await asyncio.sleep(0.3)
        await it.close()
    assert len(report) >= 2
