"""What is measured? The table of cases."""

from dataclasses import dataclass
from typing import Final

from bench.loads import (
    Cold,
    Idle,
    Kept,
    Load,
    Multiplexed,
    Opened,
    RoundTrips,
    Scattered,
    Uploads,
)

MEBIBYTE: Final = 1 << 20
TENANTS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table: a load, and what it is called."""

    key: str
    title: str
    load: Load
    quick: bool = False
    """Part of `--quick`."""
    without: tuple[str, ...] = ()
    """Proxies that are not measured."""

    @property
    def wants_routes(self) -> bool:
        """Whether it makes sense only for proxies that look tenants up."""
        return isinstance(self.load, Cold | Scattered)

    @property
    def wants_tls(self) -> bool:
        match self.load:
            case Kept(tls=tls) | Opened(tls=tls):
                return tls
            case load:
                return isinstance(load, Multiplexed)

    @property
    def wants_echo(self) -> bool:
        """Whether WebSockets are spoken."""
        return isinstance(self.load, RoundTrips)


# The cache is the same on both paths of the gateway; by the flow path it would take minutes to fill.
# fmt: off
CASES = (
    Case("h1-1", "HTTP/1.1, one connection", Kept(1)),
    Case("h1-32", "HTTP/1.1, 32 connections", Kept(32), quick=True),
    Case("h1-256", "HTTP/1.1, 256 connections", Kept(256)),
    Case("tls-32", "HTTP/1.1 over TLS, 32 connections", Kept(32, tls=True), quick=True),
    Case("h2", "HTTP/2 over TLS, 4 connections with 8 streams", Multiplexed(4, 8), quick=True),
    Case("new", "A new connection for each request, 32 at a time", Opened(32), quick=True),
    Case("new-tls", "A new TLS connection for each request, 32 at a time", Opened(32, tls=True), quick=True),
    Case("1k", "Answers of 1 KiB, 32 connections", Kept(32, "/sized/1k")),
    Case("64k", "Answers of 64 KiB, 32 connections", Kept(32, "/sized/64k")),
    Case("10m-1", "Answers of 10 MiB, one connection", Kept(1, "/sized/10m")),
    Case("10m", "Answers of 10 MiB, 4 connections", Kept(4, "/sized/10m")),
    Case("10m-tls-1", "Answers of 10 MiB over TLS, one connection", Kept(1, "/sized/10m", tls=True)),
    Case("upload", "Uploads of 10 MiB, 4 connections", Uploads(4, 10 * MEBIBYTE)),
    Case("websocket", "WebSocket round trips of 64 bytes, 32 connections", RoundTrips(32)),
    Case("cold", "Each request for another tenant, 32 connections", Cold(32), quick=True),
    Case("tenants", "100,000 tenants at hand, asked for at random, 32 connections", Scattered(32, TENANTS), without=("flow",)),
    Case("idle", "5,000 connections kept open", Idle(5000)),
)
# fmt: on

BY_KEY = {case.key: case for case in CASES}
SIZES = {"1k": 1 << 10, "64k": 64 << 10, "10m": 10 * MEBIBYTE}
"""Files that the upstream answers with."""
