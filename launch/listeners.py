"""Where do the listening sockets of a worker come from? From here, so that they outlive it.

What a closed socket had in its queue is reset. The supervisor holds a socket per port for each of its places, with
SO_REUSEPORT, so that the kernel spreads connections over them, and hands it to one worker after the other: what has
come in waits for the next.
"""

import errno
import socket
from collections.abc import Callable, Iterable

from launch.ports import PortError, Wish, complaint

ANY = ("0.0.0.0", "::")  # noqa: S104 - no LISTEN_ADDRESS means all
NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
"""What a kernel without IPv6, or one where it is switched off, says to the second of them."""


class Listeners:
    """The sockets of one place. They are bound here; the worker listens, when it can answer."""

    def __init__(self, wishes: Callable[[], Iterable[Wish]]) -> None:
        self._wishes = wishes
        self._bound: dict[int, list[socket.socket]] = {}

    def open(self) -> None:
        """Bind what is wished for by now and not bound yet; raises PortError for a port that cannot be had."""
        for wish in self._wishes():
            if wish.port not in self._bound:
                self._bound[wish.port] = _bind(wish)

    def close(self) -> None:
        """Give them up: where no worker has them either, connections go to other places, or are refused."""
        for listener in self._all():
            listener.close()
        self._bound.clear()

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What a worker inherits."""
        return tuple(listener.fileno() for listener in self._all())

    def __str__(self) -> str:
        """How the worker is told, such as `8080=5+6,9180=7` (`proxy/sockets.py`)."""
        return ",".join(
            f"{port}={'+'.join(str(listener.fileno()) for listener in listeners)}"
            for port, listeners in self._bound.items()
        )

    def _all(self) -> list[socket.socket]:
        return [listener for listeners in self._bound.values() for listener in listeners]


def _bind(wish: Wish) -> list[socket.socket]:
    bound: list[socket.socket] = []
    for address in [wish.address] if wish.address else ANY:
        try:
            bound.append(_listener(wish, address))
        except OSError as error:
            if bound and error.errno in NO_IPV6:
                continue
            for listener in bound:
                listener.close()
            raise PortError(complaint(wish, error)) from error
    return bound


def _listener(wish: Wish, address: str) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if listener.family is socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has a socket of its own
        listener.bind((address, wish.port))
    except OSError:
        listener.close()
        raise
    return listener
