"""Laws of what a flow shows."""

import json

import pytest

from mesh_gateway.observe.decisions import comment, metadata
from mesh_gateway.observe.exchange import Attempt, Exchange
from mesh_gateway.routing.resolution import CacheState
from mesh_gateway.routing.verdicts import Failure
from tests.observe.exchanges import filled, refused, served

AGENT = Attempt("agent", "203.0.113.5:443")
DEAD = [Attempt("agent", "203.0.113.5:443", "timed out"), Attempt("tunnel", "[2001:db8::1]:80", "refused")]

COMMENTS: dict[str, tuple[Exchange, str]] = {
    "the second route served": (served(), "alice -> 203.0.113.5:443 agent, hit, try 2"),
    "the first route served": (
        filled(tenant="alice", served_by=AGENT, attempts=[AGENT], cache=CacheState.MISS),
        "alice -> 203.0.113.5:443 agent, miss",
    ),
    "no route was tried": (refused(), "alice -> NO_ROUTES"),
    "all routes failed": (
        refused(Failure.ROUTES_EXHAUSTED, attempts=DEAD),
        "alice -> ROUTES_EXHAUSTED after 2 tries: 203.0.113.5:443 timed out; [2001:db8::1]:80 refused",
    ),
    "one route broke": (
        refused(Failure.UPSTREAM_PROTOCOL, attempts=[AGENT], reason="closed in the head"),
        "alice -> UPSTREAM_PROTOCOL after 1 try: closed in the head",
    ),
    "a host without a tenant": (
        refused(Failure.FOREIGN_HOST, tenant=None, host="evil.test"),
        "evil.test -> FOREIGN_HOST",
    ),
    "no host at all": (refused(Failure.BAD_REQUEST, tenant=None, host=""), "- -> BAD_REQUEST"),
    "an own path": (filled(status=200), "alice.example.com -> own answer 200"),
}


@pytest.mark.parametrize(("exchange", "text"), COMMENTS.values(), ids=COMMENTS)
def test_comment(exchange: Exchange, text: str) -> None:
    assert comment(exchange) == text


def test_metadata_of_a_served_flow() -> None:
    assert metadata(served())["mesh"] == {
        "user": "alice",
        "route": "203.0.113.5:443",
        "source": "agent",
        "cache": "hit",
        "verdict": "OK",
        "tries": 2,
        "requestId": "r1",
    }


@pytest.mark.parametrize("exchange", [served(), refused(), filled()], ids=["served", "refused", "own"])
def test_metadata_is_plain_and_always_has_the_same_keys(exchange: Exchange) -> None:
    told = metadata(exchange)
    assert list(told) == ["mesh"], "what others keep there is left alone"
    assert list(told["mesh"]) == list(metadata(served())["mesh"])
    assert all(type(value) in (str, int) for value in told["mesh"].values()), "no enum: saving the flow would fail"
    assert json.loads(json.dumps(told)) == told


def test_the_verdict_of_a_failure_is_its_code() -> None:
    assert metadata(refused())["mesh"]["verdict"] == "NO_ROUTES"
