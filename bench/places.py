"""Where is everything? Names and ports on loopback, for servers and for those who ask them."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
DOMAIN = "example.com"
HOST = f"alice.{DOMAIN}"
ECHO_HOST = f"echo.{DOMAIN}"

# Below the ports that Linux gives to clients (32768 and up): a load of many connections must not sit on a server's.
_PORTS = range(20000, 32000)


@dataclass(frozen=True, slots=True)
class Door:
    """A server's ports."""

    port: int
    tls_port: int

    def url(self, target: str, *, tls: bool = False) -> str:
        # wrk sends no host that it was not given in the URL as SNI: the address, which all servers answer here.
        return f"https://{LOOPBACK}:{self.tls_port}{target}" if tls else f"http://{LOOPBACK}:{self.port}{target}"


def free_ports() -> Iterator[int]:
    """Ports that nobody listens on, each once."""
    for port in _PORTS:
        with socket.socket() as probe:
            # Connections that a former listener has behind it do not make its port unfit.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        yield port
