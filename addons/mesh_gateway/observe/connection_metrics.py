"""How many client connections are there, which were refused, and what of their TLS?"""

from prometheus_client import CollectorRegistry, Counter, Gauge

from mesh_gateway.observe.labels import ConnectionRefusal, HandshakeFailure


class ConnectionMetrics:
    """The metrics of connections and handshakes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._open = Gauge("gateway_connections_open", "Client connections.", registry=registry)
        self._accepted = Counter("gateway_connections", "Client connections taken.", registry=registry)
        refused = Counter("gateway_connections_refused", "Client connections not taken.", ["reason"], registry=registry)
        self._refused = {reason: refused.labels(reason.value) for reason in ConnectionRefusal}
        failed = Counter("gateway_tls_handshake_failures", "Clients without a session.", ["reason"], registry=registry)
        self._handshakes = {reason: failed.labels(reason.value) for reason in HandshakeFailure}

    def opened(self) -> None:
        """A client connected and was taken; exactly one `closed` follows."""
        self._accepted.inc()
        self._open.inc()

    def closed(self) -> None:
        self._open.dec()

    def refused(self, reason: ConnectionRefusal) -> None:
        self._refused[reason].inc()

    def handshake_failed(self, reason: HandshakeFailure) -> None:
        self._handshakes[reason].inc()
