"""What does the resolver tell those who count?"""

from enum import StrEnum, unique
from typing import Protocol


@unique
class ResolverEvent(StrEnum):
    """Something that happened once. The values are labels of metrics."""

    HIT = "hit"
    MISS = "miss"
    """A request waited for the API's answer."""
    STALE = "stale"
    NEGATIVE = "negative"
    UNAVAILABLE = "unavailable"
    """A request got no routes because the API is down."""
    REFRESH = "refresh"
    """A look-up was started in the background."""
    ROUTES_KEPT = "routes_kept"
    """The API knew no routes and the last good ones were kept."""
    BREAKER_OPEN = "breaker_open"
    """The API failed so often that it gets a pause."""


@unique
class CallOutcome(StrEnum):
    """How one call of the source ended. The values are labels of metrics."""

    FOUND = "found"
    OFFLINE = "offline"
    UNKNOWN = "unknown"
    ERROR = "error"
    TIMEOUT = "timeout"


class ResolverObserver(Protocol):
    """Someone who counts. Called on the event loop, so it must be quick, and it must not raise."""

    def event(self, event: ResolverEvent) -> None: ...

    def api_call(self, outcome: CallOutcome, seconds: float) -> None:
        """One call of the source ended after `seconds`."""
        ...

    def routes_dropped(self, count: int) -> None:
        """An answer held `count` routes (or lists of them) that cannot be used."""
        ...


class Unobserved:
    """The observer for those who do not count."""

    def event(self, event: ResolverEvent) -> None:
        pass

    def api_call(self, outcome: CallOutcome, seconds: float) -> None:
        pass

    def routes_dropped(self, count: int) -> None:
        pass
