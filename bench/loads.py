"""What is asked of a proxy? Each kind of load, and the command of the program that makes it."""

from dataclasses import dataclass
from pathlib import Path

from bench.places import HOST, LOOPBACK, Door

LOADS = Path(__file__).parent / "load"
_ENDLESS = 10_000_000
"""ab ends at whichever comes first, its count or its time: this one never does."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Requests over connections that stay open, one at a time on each."""

    connections: int
    target: str = "/"
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection of its own for each request."""

    connections: int
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Uploads:
    """Requests that bring a body."""

    connections: int
    length: int


@dataclass(frozen=True, slots=True)
class Multiplexed:
    """HTTP/2 over TLS, some streams at a time on each connection."""

    connections: int
    streams: int


@dataclass(frozen=True, slots=True)
class Cold:
    """Each request for a tenant that nobody has asked for yet."""

    connections: int


@dataclass(frozen=True, slots=True)
class Scattered:
    """Requests for tenants at random, all of them asked for before."""

    connections: int
    tenants: int


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """Messages over WebSockets, each sent when the one before has come back."""

    connections: int


@dataclass(frozen=True, slots=True)
class Idle:
    """Connections that asked once and then stay open."""

    connections: int


Commanded = Kept | Opened | Uploads | Multiplexed | Cold | Scattered
"""Loads that a program makes; the others are made by bench itself."""
Load = Commanded | RoundTrips | Idle


def command(load: Commanded, door: Door, seconds: int, log: Path, *, first: int = 0) -> list[str]:
    """The command line for `load` at `door`. `log` is a file for single timings, `first` the first cold tenant."""
    match load:
        case Kept(connections=connections, target=target, tls=tls):
            return _wrk(connections, seconds, door.url(target, tls=tls))
        case Opened(connections=connections, tls=tls):
            plain = [*_wrk(connections, seconds, door.url("/")), "-H", "Connection: close"]
            return _ab(connections, seconds, door.url("/", tls=True), log) if tls else plain
        case Uploads(connections=connections, length=length):
            return [*_wrk(connections, seconds, door.url("/upload"), "upload.lua"), "--", str(length)]
        case Multiplexed(connections=connections, streams=streams):
            return _h2load(connections, streams, seconds, door.tls_port, log)
        case Cold(connections=connections):
            return [*_wrk(connections, seconds, door.url("/"), "visit.lua"), "--", str(first)]
        case Scattered(connections=connections, tenants=tenants):
            return [*_wrk(connections, seconds, door.url("/"), "scatter.lua"), "--", str(tenants)]


def _wrk(connections: int, seconds: int, url: str, script: str = "") -> list[str]:
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout=30s"]
    return ["wrk", *options, "-H", f"Host: {HOST}", *(["-s", str(LOADS / script)] if script else []), url]


def _ab(connections: int, seconds: int, url: str, log: Path) -> list[str]:
    # Not wrk, which takes up its TLS sessions again. -n comes last, for -t sets it too.
    limits = ["-t", str(seconds), "-n", str(_ENDLESS)]
    return ["ab", "-q", "-d", "-S", "-l", "-c", str(connections), *limits, "-e", str(log), "-H", f"Host: {HOST}", url]


def _h2load(connections: int, streams: int, seconds: int, port: int, log: Path) -> list[str]:
    size = ["-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds}"]
    return ["h2load", *size, f"--log-file={log}", f"--connect-to={LOOPBACK}:{port}", f"https://{HOST}/"]
