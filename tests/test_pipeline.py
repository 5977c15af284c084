"""Where does a request go? Each rule of the pipeline with the row that breaks it; no I/O, no clock."""

from dataclasses import dataclass, replace
from typing import assert_never

import pytest

from mesh_gateway.pipeline import (
    Arrival,
    Brain,
    Candidate,
    Forward,
    Listener,
    NeedsRoutes,
    OwnPath,
    Reply,
    Visit,
    default_candidate,
    is_loopback,
    mesh_route,
    own_path,
)
from mesh_gateway.routing.fields import FieldSection
from mesh_gateway.routing.head import RequestHead
from mesh_gateway.routing.health import HealthTable
from mesh_gateway.routing.limits import RateLimiter
from mesh_gateway.routing.redirect import Redirect
from mesh_gateway.routing.resolution import CacheState, Resolution, Standing
from mesh_gateway.routing.routes import Route, RouteSet, Scheme
from mesh_gateway.routing.verdicts import Failure
from mesh_gateway.settings import read_settings
from tests.routing.heads import http1

NOW = 1000.0
ID = "fresh-id"
ALICE = "alice.nsl.sh"
LOOP_TOKEN = "node-token"  # noqa: S105 - a name, no secret
AGENT = Route("203.0.113.5", 10443, Scheme.HTTPS, "agent", 1)
TUNNEL = Route("10.77.0.9", 80, Scheme.HTTP, "tunnel", 2)
LANDING = "https://landing.example.org/"


def brain(**texts: str) -> Brain:
    settings = read_settings({"server_domain": "nsl.sh", **texts})
    return Brain(settings, HealthTable(), RateLimiter(settings.rate_limit), LOOP_TOKEN, lambda: ID)


def arrival(
    peer: str = "198.51.100.7",
    *,
    listener: Listener = Listener.PUBLIC,
    accepting: bool = True,
    covers: bool | None = None,
) -> Arrival:
    """`covers` says whether the connection's certificate is that of any host; None for plain http."""
    same = None if covers is None else lambda _: covers
    return Arrival(peer, "http" if covers is None else "https", listener, accepting, same)


def outcome(decision: Reply | Forward | NeedsRoutes) -> str:
    """One word for a decision."""
    match decision:
        case Reply(answer):
            return answer.location if isinstance(answer, Redirect) else str(answer.value)
        case Forward():
            return "forward"
        case NeedsRoutes(visit):
            return f"routes of {visit.tenant}"
        case _:
            assert_never(decision)


PUBLIC = arrival()


@dataclass(frozen=True, slots=True)
class Row:
    """A request and what is decided about it."""

    expected: str
    lines: tuple[str, ...] = ()
    request_line: str = "GET / HTTP/1.1"
    host: str | None = ALICE
    at: Arrival = PUBLIC
    settings: tuple[tuple[str, str], ...] = ()


EDGE = arrival("10.0.0.1")
TRUSTING = (("trusted_proxies", "10.0.0.0/8"),)
DEFAULT = (("default_backend", LANDING),)
ROWS = {
    "a tenant": Row("routes of alice"),
    "an app of a tenant": Row("routes of alice", host="app-alice.nsl.sh"),
    "a tenant over http2's port": Row("routes of alice", at=arrival(covers=True)),
    "a malformed host": Row("INVALID_HOST", host="al_ice.nsl.sh"),
    "a malformed host, with a default backend": Row("INVALID_HOST", host="al_ice.nsl.sh", settings=DEFAULT),
    "an empty host": Row("INVALID_HOST", host=""),
    "the apex": Row("FOREIGN_HOST", host="nsl.sh"),
    "the apex, with a default backend": Row("forward", host="nsl.sh", settings=DEFAULT),
    "a reserved name": Row("FOREIGN_HOST", host="www.nsl.sh"),
    "a foreign host": Row("FOREIGN_HOST", host="evil.org"),
    "a foreign host, with a default backend": Row("forward", host="evil.org", settings=DEFAULT),
    "a host of another certificate": Row("MISDIRECTED", at=arrival(covers=False)),
    "a foreign host of another certificate": Row("MISDIRECTED", host="evil.org", at=arrival(covers=False)),
    "draining": Row("UNAVAILABLE", at=arrival(accepting=False)),
    "draining, a bad host": Row("UNAVAILABLE", host="al_ice.nsl.sh", at=arrival(accepting=False)),
    "a loop": Row("LOOP_DETECTED", (f"CDN-Loop: mesh-router-gateway; node={LOOP_TOKEN}",)),
    "another node's mark": Row("routes of alice", ("CDN-Loop: mesh-router-gateway; node=other",)),
    "a body of the limit": Row("routes of alice", ("Content-Length: 100",), settings=(("max_body_size", "100"),)),
    "a body over the limit": Row("BODY_TOO_LARGE", ("Content-Length: 101",), settings=(("max_body_size", "100"),)),
    "a trusted peer's host": Row("routes of bob", ("X-Mesh-Route-Host: bob.nsl.sh",), at=EDGE, settings=TRUSTING),
    "a stranger's host": Row("routes of alice", ("X-Mesh-Route-Host: bob.nsl.sh",), settings=TRUSTING),
    "health": Row("/_health", request_line="GET /_health HTTP/1.1", host="evil.org"),
    "health while draining": Row("/_health", request_line="GET /_health HTTP/1.1", at=arrival(accepting=False)),
    "health of a bad host": Row("/_health", request_line="GET /_health HTTP/1.1", host="al_ice.nsl.sh"),
    "a tenant on the admin port": Row("FOREIGN_HOST", at=arrival(listener=Listener.ADMIN)),
    "the default backend on the admin port": Row(
        "FOREIGN_HOST", host="nsl.sh", at=arrival(listener=Listener.ADMIN), settings=DEFAULT
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_request_is_admitted_or_refused(row: Row) -> None:
    head = http1(*row.lines, request_line=row.request_line, host=row.host)
    assert outcome(brain(**dict(row.settings)).admit(head, row.at, now=NOW)) == row.expected


def test_a_client_over_its_rate_is_refused_and_health_is_not() -> None:
    judge = brain(rate_limit="1")
    decisions = [outcome(judge.admit(http1(), arrival(), now=NOW)) for _ in range(12)]
    assert decisions == ["routes of alice"] * 10 + ["RATE_LIMITED"] * 2
    assert outcome(judge.admit(http1(), arrival("198.51.100.8"), now=NOW)) == "routes of alice"
    assert outcome(judge.admit(http1(request_line="GET /_health HTTP/1.1"), arrival(), now=NOW)) == "/_health"
    assert outcome(judge.admit(http1(), arrival(), now=NOW + 1.0)) == "routes of alice"


def visit(*lines: str, at: Arrival | None = None, host: str = ALICE, **settings: str) -> Visit:
    """An admitted request."""
    decision = brain(**settings).admit(http1(*lines, host=host), at or arrival(), now=NOW)
    assert isinstance(decision, NeedsRoutes)
    return decision.visit


def test_a_stranger_is_believed_nothing() -> None:
    claims = ("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Port: 8443", "X-Request-ID: a")
    seen = visit(*claims)
    assert (seen.client.address, seen.scheme, seen.port, seen.request_id) == ("198.51.100.7", "http", 80, ID)


def test_a_trusted_peer_is_believed() -> None:
    claims = ("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Port: 8443", "X-Request-ID: a")
    seen = visit(*claims, at=EDGE, **dict(TRUSTING))
    assert (seen.client.address, seen.scheme, seen.port, seen.request_id) == ("203.0.113.9", "https", 8443, "a")


def test_a_name_is_kept_as_it_is_routed_by() -> None:
    seen = visit(host="App-ALICE.nsl.sh.:8080")
    assert (seen.host, seen.port, seen.tenant) == ("app-alice.nsl.sh", 8080, "alice")


# The choice.


def known(*routes: Route, user_id: str | None = "abc") -> Resolution:
    return Resolution("alice", Standing.KNOWN, CacheState.HIT, RouteSet("alice", routes, 580, user_id))


ABSENT = {
    Standing.UNKNOWN: Failure.DOMAIN_NOT_FOUND,
    Standing.OFFLINE: Failure.NO_ROUTES,
    Standing.UNAVAILABLE: Failure.RESOLVER_UNAVAILABLE,
}


@pytest.mark.parametrize("standing", ABSENT)
def test_without_routes_the_answer_says_why(standing: Standing) -> None:
    decision = brain().choose(visit(), Resolution("alice", standing, CacheState.MISS), now=NOW)
    assert isinstance(decision, Reply)
    assert (decision.answer, decision.tenant, decision.host) == (ABSENT[standing], "alice", ALICE)


def test_every_standing_has_its_outcome() -> None:
    assert {*ABSENT, Standing.KNOWN} == set(Standing)


def test_an_offline_tenant_is_told_when_it_was_last_seen() -> None:
    offline = RouteSet("alice", (), -2, last_seen_online="2024-01-15T10:30:00Z")
    decision = brain().choose(visit(), Resolution("alice", Standing.OFFLINE, CacheState.NEGATIVE, offline), now=NOW)
    assert isinstance(decision, Reply)
    assert decision.last_seen_online == "2024-01-15T10:30:00Z"


def chosen(judge: Brain, seen: Visit, *routes: Route) -> list[Candidate]:
    decision = judge.choose(seen, known(*routes), now=NOW)
    assert isinstance(decision, Forward)
    return list(decision.candidates)


def test_a_candidate_says_all_that_a_connection_needs() -> None:
    (candidate,) = chosen(brain(), visit(host="app-alice.nsl.sh"), AGENT)
    expected = Candidate("alice", "agent", Scheme.HTTPS, "203.0.113.5", 10443, "app-alice.nsl.sh", "abc", AGENT)
    assert candidate == expected


def test_a_route_that_failed_steps_back_for_its_tenant_alone() -> None:
    judge = brain()
    judge.health.failed("alice", AGENT, NOW)
    assert [candidate.source for candidate in chosen(judge, visit(), AGENT, TUNNEL)] == ["tunnel", "agent"]
    judge.health.succeeded("alice", AGENT)
    judge.health.failed("bob", AGENT, NOW)
    assert [candidate.source for candidate in chosen(judge, visit(), AGENT, TUNNEL)] == ["agent", "tunnel"]


def test_a_trusted_peer_may_say_which_kind_of_route_comes_first() -> None:
    seen = visit("X-Mesh-Force: tunnel", at=EDGE, **dict(TRUSTING))
    assert [candidate.source for candidate in chosen(brain(), seen, AGENT, TUNNEL)] == ["tunnel", "agent"]
    stranger = visit("X-Mesh-Force: tunnel")
    assert [candidate.source for candidate in chosen(brain(), stranger, AGENT, TUNNEL)] == ["agent", "tunnel"]


# The edit.


def test_the_upstream_is_told_who_asked_for_what() -> None:
    fields = dict(brain().edit(visit("X-Mesh-Trace: 1", "X-Own: 1", host="ALICE.nsl.sh:8080")))
    assert fields == {
        b"Host": b"alice.nsl.sh",
        b"X-Own": b"1",
        b"X-Real-IP": b"198.51.100.7",
        b"X-Forwarded-For": b"198.51.100.7",
        b"X-Forwarded-Proto": b"http",
        b"X-Forwarded-Host": b"alice.nsl.sh",
        b"X-Forwarded-Port": b"8080",
        b"X-Request-ID": ID.encode(),
        b"CDN-Loop": b"mesh-router-gateway; node=node-token",
    }


def test_what_was_sent_on_is_known_again() -> None:
    judge = brain()
    sent = judge.edit(visit())
    again = http1()._replace(fields=FieldSection(sent))
    assert outcome(judge.admit(again, arrival(), now=NOW)) == "LOOP_DETECTED"


# Own paths.

ADMIN = arrival("127.0.0.1", listener=Listener.ADMIN)
LOCAL = arrival("127.0.0.1")
OWN = {
    ("GET", "/_health", "public"): OwnPath.HEALTH,
    ("HEAD", "/_health", "public"): OwnPath.HEALTH,
    ("GET", "/_health?x=1", "public"): OwnPath.HEALTH,
    ("POST", "/_health", "public"): None,
    ("GET", "/_health/", "public"): None,
    ("GET", "/_HEALTH", "public"): None,
    ("GET", "/_metrics", "public"): None,
    ("GET", "/_metrics", "local"): OwnPath.METRICS,
    ("GET", "/_metrics", "mapped"): OwnPath.METRICS,
    ("GET", "/_ready", "local"): None,
    ("GET", "/_metrics", "admin"): OwnPath.METRICS,
    ("GET", "/_ready", "admin"): OwnPath.READY,
    ("DELETE", "/_metrics", "admin"): None,
    ("GET", "/", "admin"): None,
}
FROM = {"public": arrival(), "local": LOCAL, "mapped": arrival("::ffff:127.0.0.1"), "admin": ADMIN}


@pytest.mark.parametrize(("method", "target", "place"), OWN)
def test_own_paths_are_answered_where_they_belong(method: str, target: str, place: str) -> None:
    head = http1(request_line=f"{method} {target} HTTP/1.1")
    assert own_path(head, FROM[place]) is OWN[method, target, place]


@pytest.mark.parametrize(
    "field", ["X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via", "CF-Connecting-IP"]
)
def test_a_local_edge_does_not_make_its_clients_local(field: str) -> None:
    assert own_path(relayed(field), LOCAL) is None
    assert own_path(relayed(field), ADMIN) is OwnPath.METRICS


def relayed(field: str) -> RequestHead:
    return http1(f"{field}: 198.51.100.9", request_line="GET /_metrics HTTP/1.1")


# Small parts.

LOOPBACK = {
    "127.0.0.1": True,
    "127.8.9.1": True,
    "::1": True,
    "::ffff:127.0.0.1": True,
    "::1%lo": True,
    "10.0.0.1": False,
    "::ffff:10.0.0.1": False,
    "2001:db8::1": False,
    "0.0.0.0": False,  # noqa: S104 - asked about, not bound
}


@pytest.mark.parametrize("address", LOOPBACK)
def test_loopback_is_known_in_all_its_forms(address: str) -> None:
    assert is_loopback(address) == LOOPBACK[address]


ENDPOINTS = {
    "https://landing.example.org/": (Scheme.HTTPS, "landing.example.org", 443),
    "http://landing.example.org": (Scheme.HTTP, "landing.example.org", 80),
    "http://Landing.Example.org:8080/x": (Scheme.HTTP, "landing.example.org", 8080),
    "http://[2001:db8::1]:81": (Scheme.HTTP, "2001:db8::1", 81),
}


@pytest.mark.parametrize("url", ENDPOINTS)
def test_the_default_backend_is_an_endpoint_of_nobody(url: str) -> None:
    candidate = default_candidate(url)
    assert (candidate.scheme, candidate.address, candidate.port) == ENDPOINTS[url]
    assert (candidate.tenant, candidate.source, candidate.server_name) == (None, "default", candidate.address)


WAYS = {
    "agent,pcs": ([], "agent"),
    "agent,tunnel,pcs": (["agent"], "tunnel"),
    "agent,tunnel,failed": (["agent", "tunnel"], None),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_trace_names_each_route_that_was_tried(way: str) -> None:
    assert mesh_route(*WAYS[way]) == way


@pytest.mark.parametrize(
    ("address", "expected"), [("203.0.113.5", "203.0.113.5:443"), ("2001:db8::1", "[2001:db8::1]:443")]
)
def test_an_endpoint_is_written_as_in_a_url(address: str, expected: str) -> None:
    assert Candidate("alice", "agent", Scheme.HTTPS, address, 443, ALICE).endpoint == expected


# From http to https.

REDIRECTING = (("https_redirect", "on"), ("ssl_port", "8443"), *TRUSTING)
OVER_HTTPS, OVER_HTTP = ("X-Forwarded-Proto: https",), ("X-Forwarded-Proto: http",)
HERE = "https://alice.nsl.sh:8443"
REDIRECTS = {
    "a covered name": Row(f"{HERE}/", settings=REDIRECTING),
    "not set": Row("routes of alice", settings=TRUSTING),
    "over https already": Row("routes of alice", at=arrival(covers=True), settings=REDIRECTING),
    "no certificate covers it": Row("routes of bob", host="bob.nsl.sh", settings=REDIRECTING),
    "http's port is left behind": Row(
        f"{HERE}/a?b", request_line="POST /a?b HTTP/1.1", host=f"{ALICE}:8080", settings=REDIRECTING
    ),
    "a challenge": Row(
        "routes of alice", request_line="GET /.well-known/acme-challenge/x HTTP/1.1", settings=REDIRECTING
    ),
    "health": Row("/_health", request_line="GET /_health HTTP/1.1", settings=REDIRECTING),
    "an edge says https": Row("routes of alice", OVER_HTTPS, at=EDGE, settings=REDIRECTING),
    "an edge says http": Row("https://bob.nsl.sh/", OVER_HTTP, host="bob.nsl.sh", at=EDGE, settings=REDIRECTING),
    "an edge says nothing, no certificate covers the name": Row(
        "routes of bob", host="bob.nsl.sh", at=EDGE, settings=REDIRECTING
    ),
    "an edge says nothing, a certificate covers the name": Row(f"{HERE}/", at=EDGE, settings=REDIRECTING),
    "an edge says what is no scheme": Row(
        "routes of bob", ("X-Forwarded-Proto: gopher",), host="bob.nsl.sh", at=EDGE, settings=REDIRECTING
    ),
    "a stranger says https": Row(f"{HERE}/", OVER_HTTPS, settings=REDIRECTING),
    "a foreign name": Row("FOREIGN_HOST", host="evil.org", settings=REDIRECTING),
    "https is off": Row("routes of alice", settings=(("https_redirect", "on"), ("ssl_port", "off"))),
}


@pytest.mark.parametrize("row", REDIRECTS.values(), ids=REDIRECTS)
def test_http_is_sent_to_https_where_it_is_served(row: Row) -> None:
    own = replace(brain(**dict(row.settings)), has_certificate=lambda host: host == ALICE)
    head = http1(*row.lines, request_line=row.request_line, host=row.host)
    assert outcome(own.admit(head, row.at, now=NOW)) == row.expected
