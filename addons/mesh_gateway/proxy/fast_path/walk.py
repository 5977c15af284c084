"""Which candidate takes the request? They are tried in order, until one can be connected to (CONTRACT part 4)."""

import asyncio
from typing import TYPE_CHECKING, Protocol

from mesh_gateway.observe.exchange import Attempt, Exchange
from mesh_gateway.pipeline import Candidate
from mesh_gateway.proxy.fast_path.dialling import DialError
from mesh_gateway.proxy.fast_path.sides import Borrower, UpstreamSide
from mesh_gateway.routing.verdicts import Failure

if TYPE_CHECKING:
    from mesh_gateway.proxy.fast_path.front import Front

OWN_LISTENER = "the route leads to a listener of this gateway"


class Walker(Borrower, Protocol):
    """Who waits for the walk to end: an exchange, to whom the upstream is lent."""

    @property
    def record(self) -> Exchange:
        """Where attempts are written down."""

    def connecting(self) -> None:
        """A connection is being made; one of the next two follows."""

    def found(self, upstream: UpstreamSide) -> None:
        """A candidate has taken the request."""

    def exhausted(self, failure: Failure) -> None:
        """None has. `failure` says why, where all failed for one reason."""


class Walk:
    """The way of one exchange through its candidates."""

    __slots__ = ("_candidate", "_failures", "_front", "_http2", "_task", "_untried", "_walker", "attempt")

    def __init__(self, front: "Front", walker: Walker, candidates: tuple[Candidate, ...], *, http2: bool) -> None:
        self._front = front
        self._walker = walker
        self._untried = candidates
        self._http2 = http2
        self._candidate: Candidate | None = None
        self._failures: frozenset[Failure] = frozenset()
        self._task: asyncio.Task[None] | None = None
        self.attempt: Attempt | None = None
        """The one that is being made, or was made last."""

    def go_on(self, *, fresh: bool) -> None:
        """Try the next candidate. `fresh`: over a new connection, for the request could not be repeated."""
        if not self._untried:
            failures = self._failures
            self._walker.exhausted(next(iter(failures)) if len(failures) == 1 else Failure.ROUTES_EXHAUSTED)
            return
        candidate = self._candidate = self._untried[0]
        self._untried = self._untried[1:]
        self.attempt = Attempt(candidate.source, candidate.endpoint)
        self._walker.record.attempts.append(self.attempt)
        if self._front.is_own_listener(candidate):
            self._failed(Failure.LOOP_DETECTED, OWN_LISTENER, fresh=fresh)
            return
        upstream = self._front.pool.take(candidate, self._walker, http2=self._http2, fresh=fresh)
        if upstream is not None:
            self._walker.found(upstream)
        else:
            self._walker.connecting()
            self._task = self._front.tasks.start(self._dial(candidate, fresh=fresh), name="exchange connects")

    async def _dial(self, candidate: Candidate, *, fresh: bool) -> None:
        try:
            try:
                upstream = await self._front.pool.dial(candidate, self._walker, http2=self._http2)
            except DialError as error:
                self._task = None
                failure = Failure.UPSTREAM_TLS if error.tls_failed else Failure.ROUTES_EXHAUSTED
                self._failed(failure, str(error), fresh=fresh)
                return
            self._task = None
            self._walker.found(upstream)
        except Exception as error:  # noqa: BLE001 - the guard of what runs outside a channel's
            self._walker.fault(error)

    def _failed(self, failure: Failure, reason: str, *, fresh: bool) -> None:
        self.break_attempt(reason)
        self.blame()
        self._failures |= {failure}
        self.go_on(fresh=fresh)

    def break_attempt(self, reason: str | None) -> None:
        """The attempt came to nothing."""
        if self.attempt and self.attempt.error is None:
            self.attempt.error = reason

    def blame(self) -> None:
        """The route is to step back."""
        if self._candidate:
            self._front.worker.route_failed(self._candidate)

    def praise(self) -> None:
        """The route has answered."""
        if self._candidate:
            self._front.worker.route_answered(self._candidate)

    def turn_back(self, *, same: bool) -> None:
        """The connection broke before an answer: go the same route once more, or the next where there is one."""
        if self._candidate and (same or not self._untried):
            self._untried = (self._candidate, *self._untried)

    def stop(self) -> None:
        """Nobody waits any more."""
        if self._task:
            self._task.cancel()
            self._task = None
