"""May a cached answer be used now, and is it time to ask again?"""

from dataclasses import dataclass, replace
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
    """The life of one answer: two moments on one monotonic clock, and durations in seconds from them.

    Durations rather than ends, because all answers share the same few objects then: there may be 100,000 of them.
    """

    heard: float
    """When the API named the routes."""
    asked: float
    """When it last named them, or last said nothing against them."""
    fresh: float
    """From `asked`."""
    own: float
    """From `heard`: the routes' own end by `routesTtl`."""
    stale: float
    """From `heard`: how old they may be served."""

    @classmethod
    def of(cls, now: float, *, cache_ttl: float, routes_ttl: float | None, stale_ttl: float) -> Self:
        """The life of an answer that came with routes. Fresh = min(`cache_ttl`, `routes_ttl`)."""
        own = cache_ttl if routes_ttl is None else routes_ttl
        return cls(now, now, min(cache_ttl, own), own, stale_ttl)

    def outlives_silence(self, now: float, *, pause: float) -> Self | None:
        """The life of good routes after an answer without any: they stay until their own end, and the API gets a pause.

        None when that end has come. A restarted API knows no routes until the agents have called again.
        """
        left = self.heard + self.own - now
        return replace(self, asked=now, fresh=min(pause, left)) if left > 0 else None


def judge(life: Lifetime, now: float, *, in_use: bool) -> Freshness:
    """What the answer is good for at `now`; `in_use` says whether anybody asked for it since it came."""
    since = now - life.asked
    if since < life.fresh:
        is_due = in_use and since >= life.fresh * (1 - _LAST_PART)
        return Freshness.DUE if is_due else Freshness.FRESH
    if now - life.heard >= life.stale:
        return Freshness.GONE
    # Up to the routes' own end they are as good as fresh; a lifetime more hides the look-up from those who come late.
    if now - life.heard < life.own or since < life.fresh * 2:
        return Freshness.STALE
    return Freshness.AGED
