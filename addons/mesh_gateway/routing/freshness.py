"""May a cached answer be used now, and is it time to ask again?"""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Self

_LAST_PART = 0.2
"""The part of the fresh lifetime, at its end, in which an answer in use is asked for anew."""


@unique
class Freshness(Enum):
    """What a cached answer is good for, from best to worst."""

    FRESH = "fresh"
    DUE = "due"
    """Fresh, in use, and about to end: use it and refresh it ahead."""
    STALE = "stale"
    """Use it at once and ask meanwhile."""
    AGED = "aged"
    """Use it only if the API cannot be asked: the routes may have gone to somebody else since."""
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The moments of one answer's life, on one monotonic clock."""

    asked: float
    """When the API last said it, or said nothing against it."""
    fresh_until: float
    routes_until: float
    """The routes' own end by `routesTtl`."""
    stale_until: float

    @classmethod
    def of(cls, asked: float, *, cache_ttl: float, routes_ttl: float | None, stale_ttl: float) -> Self:
        """The life of an answer that came with routes. Fresh = min(`cache_ttl`, `routes_ttl`)."""
        own = cache_ttl if routes_ttl is None else routes_ttl
        fresh = min(cache_ttl, own)
        return cls(asked, asked + fresh, asked + own, asked + fresh + stale_ttl)

    def outlives_silence(self, now: float, *, pause: float) -> Self | None:
        """The life of good routes after an answer without any: they stay until their own end, and the API gets a pause.

        None when that end has come. A restarted API knows no routes until the agents have called again.
        """
        if now >= self.routes_until:
            return None
        fresh_until = min(now + pause, self.routes_until)
        return type(self)(now, fresh_until, self.routes_until, self.stale_until)


def judge(life: Lifetime, now: float, *, in_use: bool) -> Freshness:
    """What the answer is good for at `now`; `in_use` says whether anybody asked for it since it came."""
    fresh = life.fresh_until - life.asked
    if now < life.fresh_until:
        is_due = in_use and now >= life.fresh_until - fresh * _LAST_PART
        return Freshness.DUE if is_due else Freshness.FRESH
    if now >= life.stale_until:
        return Freshness.GONE
    # Up to the routes' own end they are as good as fresh; a lifetime more hides the look-up from those who come late.
    if now < max(life.routes_until, life.fresh_until + fresh):
        return Freshness.STALE
    return Freshness.AGED
