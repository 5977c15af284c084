"""Which path does a request take? The fast one, unless somebody wants to see it (DESIGN.md 1)."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from mesh_gateway.routing.hostname import parse_host
from mesh_gateway.settings import TrafficPath

# Looking at all options and scripts takes longer than a request.
ASK_SECONDS = 1.0


@dataclass(slots=True)
class Paths:
    """Changes while the gateway runs: who looks on, and at which tenants."""

    setting: TrafficPath
    server_domain: str
    looks_on: Callable[[], bool] = lambda: False
    """Whether somebody wants to see every request: mitmweb, a recording, an intercept filter, a further script."""
    tapped: frozenset[str] = frozenset()
    """Tenants whose requests somebody wants to see."""
    clock: Callable[[], float] = time.monotonic
    _looked: float = -ASK_SECONDS
    _somebody: bool = False

    @property
    def is_all_watched(self) -> bool:
        """Whether new connections begin on the flow path."""
        match self.setting:
            case TrafficPath.FLOW:
                return True
            case TrafficPath.FAST:
                return False
            case TrafficPath.AUTO:
                return self._is_somebody_there()

    def _is_somebody_there(self) -> bool:
        now = self.clock()
        if now - self._looked >= ASK_SECONDS:
            self._looked, self._somebody = now, self.looks_on()
        return self._somebody

    def is_watched(self, authority: str) -> bool:
        """Whether a request for `authority` goes the flow path."""
        if self.setting is TrafficPath.FAST:
            return False
        if self.tapped and parse_host(authority, self.server_domain).tenant in self.tapped:
            return True
        return self.is_all_watched
