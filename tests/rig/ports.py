"""Which ports are free, dead or silent on loopback?"""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

LOOPBACK = "127.0.0.1"
BACKLOG_FILLERS = 8
"""More than Linux queues for a backlog of 0, so that the next SYN is dropped and its sender waits."""


_given: set[int] = set()


def free_port() -> int:
    """A port that nothing uses at this moment, and another one at each call: the kernel may offer one twice."""
    while True:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = port_of(probe)
        if port not in _given:
            _given.add(port)
            return port


@contextlib.contextmanager
def dead_port() -> Iterator[int]:
    """A port that refuses each connection: bound, so that nobody else gets it, and never listening."""
    with socket.socket() as bound:
        bound.bind((LOOPBACK, 0))
        yield port_of(bound)


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port that answers no SYN: it listens, never accepts, and its backlog is full."""
    with contextlib.ExitStack() as sockets:
        listening = sockets.enter_context(socket.socket())
        listening.bind((LOOPBACK, 0))
        listening.listen(0)
        for _ in range(BACKLOG_FILLERS):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        yield port_of(listening)


def port_of(sock: socket.socket) -> int:
    port: int = sock.getsockname()[1]
    return port


def listens(port: int) -> bool:
    """Whether a socket listens there, asked of the kernel so that no connection is spent on it (proc(5), net/tcp)."""
    wanted, listening = f":{port:04X}", "0A"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(row[1].endswith(wanted) and row[3] == listening for row in rows)
