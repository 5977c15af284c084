"""What happened to one request? The record that every request ends in, whatever happened before."""

from dataclasses import dataclass, field

from mesh_gateway.routing.resolution import CacheState
from mesh_gateway.routing.verdicts import Failure


@dataclass(slots=True)
class Attempt:
    """One try of one route. `error` is for logs, None where it connected."""

    source: str
    address: str
    """`ip:port` or `[ip]:port`."""
    error: str | None = None


@dataclass(slots=True)
class Exchange:
    """One request and its answer, filled in on its way and handed to the observers at its end.

    Times are `time.monotonic()` seconds but for `started_at`, which is epoch seconds.
    Owned by the path that carries the request; nobody else writes.
    """

    request_id: str
    client: str
    """The client's address, trusted proxies taken off."""
    started_at: float
    started: float
    protocol: str = "HTTP/1.1"
    tls: str | None = None
    """`TLSv1.3` and the like; None for plain http."""
    method: str = ""
    host: str = ""
    path: str = ""
    tenant: str | None = None
    cache: CacheState = CacheState.NONE
    attempts: list[Attempt] = field(default_factory=list)
    status: int = 0
    failure: Failure | None = None
    reason: str | None = None
    """More on a failure, for the operator; never sent to a client."""
    via: str = "flow"
    """The way through the process: `fast` or `flow`."""
    upgrade: str | None = None
    bytes_received: int = 0
    """Body bytes from the client."""
    bytes_sent: int = 0
    """Body bytes to the client."""
    resolved: float | None = None
    """When the routes were known."""
    connected: float | None = None
    """When a route was connected to."""
    first_byte: float | None = None
    """When the answer's head was there."""
    ended: float | None = None
    served_by: Attempt | None = None

    @property
    def tries(self) -> int:
        """How many routes were tried."""
        return len(self.attempts)
