"""Is there a place for one more client connection? Counted over both paths."""

from collections import Counter

from mesh_gateway.observe.connection_metrics import ConnectionMetrics
from mesh_gateway.observe.labels import ConnectionRefusal
from mesh_gateway.routing.client import identify_client
from mesh_gateway.settings import Settings


class Admission:
    """The client connections that are open, by address. Operators, on the admin port, always find a place."""

    def __init__(self, settings: Settings, metrics: ConnectionMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._clients: Counter[str] = Counter()
        self._total = 0

    def enter(self, address: str, port: int | None) -> str | None:
        """Take a place for a connection from `address` to `port`; why there is none, or None. `leave` gives it back."""
        settings = self._settings
        if port == settings.admin_port:
            return None
        per_address = settings.max_connections_per_address
        if self._total >= settings.max_connections:
            self._metrics.refused(ConnectionRefusal.CAPACITY)
            return "too many connections"
        if per_address and self._clients[address] >= per_address and not self._is_trusted(address):
            self._metrics.refused(ConnectionRefusal.PER_ADDRESS)
            return "too many connections of one address"
        self._clients[address] += 1
        self._total += 1
        self._metrics.opened()
        return None

    def leave(self, address: str, port: int | None) -> None:
        """Give the place back that `enter` gave."""
        if port == self._settings.admin_port:
            return
        self._total -= 1
        self._clients[address] -= 1
        if not self._clients[address]:
            del self._clients[address]
        self._metrics.closed()

    def _is_trusted(self, address: str) -> bool:
        return identify_client(address, (), self._settings.trusted_proxies).trusted
