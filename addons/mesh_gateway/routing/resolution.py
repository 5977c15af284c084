"""What does the gateway know of a tenant at this moment?"""

from enum import StrEnum, unique
from typing import NamedTuple

from mesh_gateway.routing.routes import RouteSet


@unique
class Standing(StrEnum):
    """What the resolution API said of a tenant, or that it could not be asked."""

    KNOWN = "known"
    """It has routes."""
    OFFLINE = "offline"
    """It exists and has no routes."""
    UNKNOWN = "unknown"
    """Nobody claimed it."""
    UNAVAILABLE = "unavailable"
    """The API is down and nothing stale is at hand."""


@unique
class CacheState(StrEnum):
    """How a resolution was come by: a label of access lines and metrics."""

    HIT = "hit"
    MISS = "miss"
    STALE = "stale"
    NEGATIVE = "negative"
    NONE = "none"
    """No look-up was made: own paths, refusals, the default backend."""


class Resolution(NamedTuple):
    """The answer that a request is decided by. `routes` is set when `standing` is KNOWN, and when OFFLINE for its `last_seen_online`."""

    tenant: str
    standing: Standing
    cache: CacheState
    routes: RouteSet | None = None
