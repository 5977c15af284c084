"""What is a source of routes, and what can it answer?"""

from dataclasses import dataclass
from typing import Protocol

from mesh_gateway.routing.routes import RouteSet


@dataclass(frozen=True, slots=True)
class Found:
    """The tenant exists. Without routes it is offline."""

    routes: RouteSet


@dataclass(frozen=True, slots=True)
class NotFound:
    """Nobody claimed the name. `ttl_seconds` is for how long at most that may be remembered, where the source knows."""

    ttl_seconds: float | None = None


Answer = Found | NotFound


class SourceUnavailable(Exception):  # noqa: N818 - a state of the world, and the name says it
    """The source gave no answer that can be used: it is down. `timed_out` where that took all the time it had."""

    def __init__(self, reason: str, *, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.timed_out = timed_out


class Source(Protocol):
    """Where routes come from."""

    async def fetch(self, tenant: str, within: float) -> Answer:
        """What the source says of `tenant`, in at most `within` seconds; raises SourceUnavailable."""
        ...

    async def close(self) -> None:
        """Give back what the source holds."""
        ...
