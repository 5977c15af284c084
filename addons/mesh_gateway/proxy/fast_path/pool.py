"""Which upstream connection does an exchange get? One that is idle and means the same, else a new one.

Shared by all clients of a worker: most of what a new client connection costs would be its upstream's. Two exchanges
may use one connection after each other only where scheme, address, port, verified name and tenant are the same
(CONTRACT part 8), so nothing of one tenant reaches another even when an upstream misbehaves.
"""

from collections import OrderedDict
from collections.abc import Callable

from mesh_gateway.pipeline import Candidate
from mesh_gateway.proxy.fast_path.dialling import DialError, Dialler
from mesh_gateway.proxy.fast_path.sides import Borrower
from mesh_gateway.proxy.fast_path.upstream_http1 import Http1Upstream
from mesh_gateway.proxy.fast_path.upstream_http2 import Http2Upstream

# Shorter than most servers wait, so that it is the gateway that closes.
IDLE_SECONDS = 55.0

Upstream = Http1Upstream | Http2Upstream


class Pool:
    """The idle upstream connections of a worker, and the way to new ones."""

    def __init__(self, dialler: Dialler, clock: Callable[[], float], max_idle: int) -> None:
        """Of more than `max_idle` idle ones the one that was used longest ago goes."""
        self._dialler = dialler
        self._clock = clock
        self._max_idle = max_idle
        self._idle: dict[str, list[Upstream]] = {}
        self._by_age: OrderedDict[Upstream, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_age)

    def take(self, candidate: Candidate, borrower: Borrower, *, http2: bool, fresh: bool) -> Upstream | None:
        """An idle connection, lent to `borrower`; None where it takes `dial`.

        `fresh`: an idle one will not do, because the request could not be repeated if it broke. The new one will
        take its place.
        """
        key = _key(candidate, http2=http2)
        while waiting := self._idle.get(key):
            upstream = waiting.pop()  # the one used last: the others may grow old
            del self._by_age[upstream]
            if not waiting:
                del self._idle[key]
            is_quiet = upstream.is_quiet
            # HTTP/2 says GOAWAY before it closes, so that an idle connection is as good as a new one (RFC 9113 6.8).
            if not is_quiet or (fresh and not http2):
                upstream.close()
                if is_quiet:
                    return None
                continue
            upstream.is_reused = True
            upstream.borrower = borrower
            return upstream
        return None

    async def dial(self, candidate: Candidate, borrower: Borrower, *, http2: bool) -> Upstream:
        """A new connection, lent to `borrower`; raises DialError."""
        line = await self._dialler.dial(candidate, http2=http2)
        make = Http2Upstream if line.protocol == b"h2" else Http1Upstream
        upstream = make(self, candidate, line)
        line.channel.owner = upstream
        if line.early and isinstance(upstream, Http1Upstream):
            upstream.close()
            raise DialError("it spoke before it was asked")
        if line.early:
            upstream.received(line.early)
        upstream.borrower = borrower
        return upstream

    def keep(self, upstream: Upstream) -> None:
        """Take back a connection whose exchange is over."""
        key = _key(upstream.candidate, http2=isinstance(upstream, Http2Upstream))
        if not upstream.is_reused:
            self._dialler.remember(upstream.candidate, upstream.channel)
        upstream.idle_since = self._clock()
        self._idle.setdefault(key, []).append(upstream)
        self._by_age[upstream] = key
        if len(self._by_age) > self._max_idle:
            self._drop(next(iter(self._by_age)))

    def forget(self, upstream: Upstream) -> None:
        """The connection is idle no longer."""
        key = self._by_age.pop(upstream, None)
        if key is not None:
            waiting = self._idle[key]
            waiting.remove(upstream)
            if not waiting:
                del self._idle[key]

    def sweep(self, now: float) -> None:
        """Close what has been idle for too long."""
        while self._by_age and now - (upstream := next(iter(self._by_age))).idle_since > IDLE_SECONDS:
            self._drop(upstream)

    def close(self) -> None:
        """Close all."""
        for upstream in tuple(self._by_age):
            self._drop(upstream)

    def _drop(self, upstream: Upstream) -> None:
        self.forget(upstream)
        upstream.close()


def _key(candidate: Candidate, *, http2: bool) -> str:
    return candidate.identity + " h2" if http2 else candidate.identity
