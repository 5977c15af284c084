"""Where does a tenant live? The answer of the resolution API as values (CONTRACT part 3)."""

from dataclasses import dataclass
from enum import StrEnum, unique


@unique
class Scheme(StrEnum):
    """How an upstream is spoken to."""

    HTTP = "http"
    HTTPS = "https"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """An active check that a route asks for: `HEAD path` with `Host: host`, healthy on 2xx."""

    path: str
    host: str | None


@dataclass(frozen=True, slots=True)
class Route:
    """One way to a tenant. `scheme` is the effective one (a `tunnel` speaks plain http whatever it says)."""

    ip: str
    """Canonical literal, IPv6 without brackets."""
    port: int
    scheme: Scheme
    source: str
    """Free text of the API: `agent`, `tunnel`, ... or `unknown`."""
    priority: int
    """Lower is better."""
    health_check: HealthCheck | None = None


@dataclass(frozen=True, slots=True)
class RouteSet:
    """One answer of the API, decoded. `routes` is deduplicated and in order of priority."""

    tenant: str
    routes: tuple[Route, ...]
    ttl_seconds: float | None
    """`routesTtl`: how long the routes live; None where the answer says nothing of use."""
    user_id: str | None = None
    last_seen_online: str | None = None
    dropped: tuple[str, ...] = ()
    """Why routes were left out, one text each: for the log and the metric, never for a client."""
