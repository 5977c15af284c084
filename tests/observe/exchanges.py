"""Exchanges to observe."""

from typing import Any

from mesh_gateway.observe.exchange import Attempt, Exchange
from mesh_gateway.routing.resolution import CacheState
from mesh_gateway.routing.verdicts import Failure


def served(**changes: Any) -> Exchange:
    """One that the second route of two served, 250 ms from its start to its end."""
    tried = [Attempt("tunnel", "198.51.100.7:80", "connection refused"), Attempt("agent", "203.0.113.5:443")]
    return filled(
        tenant="alice",
        cache=CacheState.HIT,
        attempts=tried,
        served_by=tried[-1],
        status=200,
        resolved=1000.001,
        connected=1000.051,
        first_byte=1000.1234567,
        **changes,
    )


def refused(failure: Failure = Failure.NO_ROUTES, **changes: Any) -> Exchange:
    """One that no route was tried for."""
    return filled(failure=failure, status=404, **({"tenant": "alice", "cache": CacheState.NEGATIVE} | changes))


def filled(**changes: Any) -> Exchange:
    usual = {
        "request_id": "r1",
        "client": "192.0.2.9",
        "started_at": 1705314600.0,
        "started": 1000.0,
        "method": "GET",
        "host": "alice.example.com",
        "path": "/shop?token=secret",
        "ended": 1000.25,
    }
    return Exchange(**(usual | changes))  # type: ignore[arg-type]  # rows of a test name what they change
