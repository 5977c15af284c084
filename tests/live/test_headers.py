"""Laws of the fields that an upstream and a client get (CONTRACT part 5), in the raw bytes that arrive."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.rig import behaviours
from tests.rig.api import route
from tests.rig.arrival import Arrival
from tests.rig.certificates import Authority
from tests.rig.origin import Origin
from tests.rig.ports import dead_port
from tests.rig.world import World, world

HOST = "alice.example.com"
VALID_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
GATEWAYS_OWN = (
    "x-real-ip",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-request-id",
    "host",
)
SPOOFED = (
    ("X-Real-IP", "6.6.6.6"),
    ("X-Forwarded-For", "6.6.6.6, 7.7.7.7"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "evil.org"),
    ("X-Forwarded-Port", "666"),
    ("X-Request-ID", "spoofed-request-id"),
    ("Forwarded", "for=6.6.6.6;host=evil.org"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """One origin behind two gateways: to the one the test is a stranger, to the other a trusted proxy."""

    stranger: World
    trusted: World
    origin: Origin

    async def received(self, at: World, *fields: tuple[str, str], host: str = HOST) -> Arrival:
        """What the origin got of a GET with these fields."""
        answer = await at.ask("GET", host, "/x", *fields)
        assert answer.status == 200, answer.text
        return self.origin.last


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("headers")
    async with (
        Origin("alice") as origin,
        world(folder / "stranger", authority) as stranger,
        world(folder / "trusted", authority, TRUSTED_PROXIES="127.0.0.0/8") as trusted,
    ):
        for one in (stranger, trusted):
            one.tenant("alice", route(origin.port))
        yield Place(stranger, trusted, origin)


@pytest.mark.parametrize("host", ["alice.example.com", "ALICE.Example.com:8443", "alice.example.com."])
async def test_host_is_the_public_one_in_lower_case_without_port(place: Place, host: str) -> None:
    arrival = await place.received(place.stranger, host=host)
    assert arrival.one("host") == HOST
    assert arrival.raw_head.startswith(b"GET /x HTTP/1.1\r\n")


async def test_over_http2_host_is_the_authority(place: Place) -> None:
    async with place.stranger.connect_http2(HOST) as client:
        await client.ask("GET", "app-alice.example.com", "/x", ("host", "app-alice.example.com"))
    assert place.origin.last.one("host") == "app-alice.example.com"


async def test_a_strangers_claims_are_replaced(place: Place) -> None:
    arrival = await place.received(place.stranger, *SPOOFED)
    assert arrival.one("x-real-ip") == arrival.one("x-forwarded-for") == "127.0.0.1"
    assert arrival.one("x-forwarded-proto") == "http"
    assert arrival.one("x-forwarded-host") == HOST
    assert arrival.one("x-forwarded-port") == "80"
    assert arrival.one("x-request-id") != "spoofed-request-id"
    assert not arrival.has("forwarded")
    assert not re.search(rb"6\.6\.6\.6|evil|666|spoofed", arrival.raw_head)


@pytest.mark.parametrize("name", GATEWAYS_OWN)
async def test_each_field_of_the_gateways_own_is_there_once(place: Place, name: str) -> None:
    for at in (place.stranger, place.trusted):
        arrival = await place.received(at, *SPOOFED, *SPOOFED)
        assert arrival.one(name)


async def test_a_trusted_peers_chain_is_kept_and_the_peer_appended(place: Place) -> None:
    arrival = await place.received(place.trusted, ("X-Forwarded-For", "203.0.113.9"))
    assert arrival.one("x-forwarded-for") == "203.0.113.9, 127.0.0.1"
    assert arrival.one("x-real-ip") == "203.0.113.9"


async def test_trusted_proxies_are_taken_off_from_the_right(place: Place) -> None:
    arrival = await place.received(place.trusted, ("X-Forwarded-For", "6.6.6.6, 203.0.113.9, 127.0.0.5"))
    assert arrival.one("x-real-ip") == "203.0.113.9"


@pytest.mark.parametrize(
    ("told", "passed"), [("https", "https"), ("HTTPS", "https"), ("http", "http"), ("gopher", "http")]
)
async def test_a_trusted_peer_tells_how_its_client_spoke(place: Place, told: str, passed: str) -> None:
    arrival = await place.received(place.trusted, ("X-Forwarded-Proto", told))
    assert arrival.one("x-forwarded-proto") == passed


async def test_over_tls_the_client_spoke_https(place: Place) -> None:
    async with place.stranger.connect_tls(HOST) as client:
        await client.ask("GET", HOST, "/x", ("X-Forwarded-Proto", "http"))
    assert place.origin.last.one("x-forwarded-proto") == "https"
    assert place.origin.last.one("x-forwarded-port") == "443"


async def test_the_public_port_is_that_of_the_address(place: Place) -> None:
    arrival = await place.received(place.stranger, host=f"{HOST}:8443")
    assert (arrival.one("x-forwarded-host"), arrival.one("x-forwarded-port")) == (HOST, "8443")


async def test_a_request_id_of_a_trusted_peer_is_kept_when_it_is_valid(place: Place) -> None:
    assert (await place.received(place.trusted, ("X-Request-ID", "edge-0123.AB_c"))).one(
        "x-request-id"
    ) == "edge-0123.AB_c"
    for bad in ("", "a b", "x" * 129, 'quote"'):
        assert VALID_ID.fullmatch((await place.received(place.trusted, ("X-Request-ID", bad))).one("x-request-id"))


async def test_the_answer_carries_the_same_request_id_as_the_upstream_saw(place: Place) -> None:
    answer = await place.stranger.ask("GET", HOST)
    assert answer.one("x-request-id") == place.origin.last.one("x-request-id")


@pytest.mark.parametrize("host", [HOST, "nobody.example.com", "evil.org", "alice-.example.com"])
async def test_a_request_id_is_on_every_answer_once_and_never_twice_the_same(place: Place, host: str) -> None:
    ids = [(await place.stranger.ask("GET", host)).one("x-request-id") for _ in range(2)]
    assert ids[0] != ids[1]
    assert all(VALID_ID.fullmatch(one) for one in ids)


async def test_an_upstreams_own_request_id_does_not_make_a_second(place: Place) -> None:
    place.origin.at["/own-id"] = behaviours.status(200, ("X-Request-ID", "upstreams-own"))
    answer = await place.stranger.ask("GET", HOST, "/own-id")
    assert answer.one("x-request-id") == place.origin.last.one("x-request-id")


async def test_a_traceparent_is_passed_on(place: Place) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert (await place.received(place.stranger, ("traceparent", parent))).one("traceparent") == parent


@pytest.mark.parametrize(
    "name", ["X-Mesh-Trace", "X-Mesh-Force", "X-Mesh-Route", "X-Mesh-WebSocket", "X-Mesh-Anything", "x-mesh-x"]
)
async def test_no_control_field_is_passed_on(place: Place, name: str) -> None:
    for at in (place.stranger, place.trusted):
        assert b"mesh-" not in (await place.received(at, (name, "1"))).raw_head.lower().replace(
            b"mesh-router-gateway", b""
        )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "keep-alive"),
        ("Proxy-Authorization", "Basic abc"),
        ("Proxy-Anything", "1"),
        ("TE", "gzip"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
        ("X_Forwarded_For", "6.6.6.6"),
        ("X_Real_IP", "6.6.6.6"),
        ("A_b", "1"),
    ],
)
async def test_a_field_for_one_hop_or_with_an_underscore_is_removed(place: Place, name: str, value: str) -> None:
    assert not (await place.received(place.stranger, (name, value))).has(name)


async def test_an_underscore_twin_of_a_framing_field_is_refused_or_removed(place: Place) -> None:
    place.origin.forget()
    answer = await place.stranger.ask("GET", HOST, "/x", ("Transfer_Encoding", "chunked"))
    assert answer.status in {200, 400}
    assert not any(arrival.has("transfer_encoding") for arrival in place.origin.arrivals)


async def test_fields_that_connection_names_are_removed_but_not_those_of_the_gateway(place: Place) -> None:
    arrival = await place.received(
        place.stranger,
        ("Connection", "close, X-Gone, x-real-ip, host, X-Forwarded-For"),
        ("X-Gone", "1"),
        ("X-Stays", "1"),
    )
    assert not arrival.has("x-gone")
    assert [arrival.one(name) for name in ("x-stays", "x-real-ip", "x-forwarded-for", "host")] == [
        "1",
        "127.0.0.1",
        "127.0.0.1",
        HOST,
    ]
    assert "x-gone" not in ",".join(arrival.all("connection")).lower()


async def test_te_trailers_survives(place: Place) -> None:
    assert (await place.received(place.stranger, ("TE", "trailers, deflate"))).one("te") == "trailers"


async def test_everything_else_is_untouched_and_in_order(place: Place) -> None:
    fields = (
        ("X-B", "2"),
        ("Accept-Encoding", "br;q=1.0, gzip;q=0.5"),
        ("x-a", "1"),
        ("X-B", "3"),
        ("Cookie", "a=1; b=2"),
        ("Authorization", "Bearer secret"),
        ("User-Agent", "Mozilla/5.0 (X11; Linux)"),
        ("X-Empty", ""),
        ("X-Latin", "caf\xe9"),
    )
    arrival = await place.received(place.stranger, *fields)
    passed = [field for field in arrival.fields if field in fields]
    assert passed == list(fields)


@pytest.mark.parametrize(
    "target", ["/a%2Fb/../c//d?x=%00&y=a+b", "/?", "/;p=1", "/%E2%82%AC", "/a?b?c#d".replace("#d", ""), "/." * 50]
)
async def test_a_target_is_untouched(place: Place, target: str) -> None:
    await place.stranger.ask("GET", HOST, target)
    assert place.origin.last.target == target


async def test_an_answer_is_untouched(place: Place) -> None:
    fields = (
        ("Location", "http://127.0.0.1:1234/elsewhere"),
        ("Set-Cookie", "a=1; Path=/; Domain=evil.org"),
        ("Set-Cookie", "b=2; HttpOnly"),
        ("Content-Encoding", "gzip"),
        ("Server", "nginx/1.2"),
        ("Content-Type", "text/plain"),
        ("ETag", 'W/"x"'),
        ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("X_Under", "1"),
    )
    body = b"\x1f\x8b not really gzip, and nobody looks"
    place.origin.at["/answer"] = behaviours.status(302, *fields, body=body)
    answer = await place.stranger.ask("GET", HOST, "/answer")
    assert (answer.status, bytes(answer.body)) == (302, body)
    assert [field for field in answer.fields if field in fields] == list(fields)


async def test_an_upstreams_fields_for_one_hop_do_not_reach_the_client(place: Place) -> None:
    hop = (
        ("Connection", "keep-alive, X-Gone"),
        ("Keep-Alive", "timeout=5"),
        ("X-Gone", "1"),
        ("Proxy-Authenticate", "Basic"),
    )
    place.origin.at["/hop"] = behaviours.status(200, *hop)
    answer = await place.stranger.ask("GET", HOST, "/hop")
    assert not any(answer.all(name) for name in ("keep-alive", "x-gone", "proxy-authenticate"))


async def test_the_way_of_a_request_is_told_when_asked_for(place: Place) -> None:
    origin = place.origin.port
    with dead_port() as dead:
        ways = {
            "agent,pcs": [route(origin)],
            "tunnel,pcs": [route(origin, source="tunnel")],
            "agent,tunnel,pcs": [route(dead), route(origin, source="tunnel", priority=2)],
            "agent,tunnel,failed": [route(dead), route(dead, source="tunnel", priority=2, ip="127.0.0.2")],
            "unknown,pcs": [route(origin, source="carrier pigeon")],
        }
        for number, (told, routes) in enumerate(ways.items()):
            answer = await place.trusted.ask(
                "GET", place.trusted.tenant(f"way{number}", *routes), "/", ("X-Mesh-Trace", "")
            )
            assert answer.one("x-mesh-route") == told


async def test_the_way_is_not_told_unasked_and_an_upstream_cannot_tell_it(place: Place) -> None:
    place.origin.at["/liar"] = behaviours.status(200, ("X-Mesh-Route", "liar,pcs"))
    assert not (await place.trusted.ask("GET", HOST, "/liar")).all("x-mesh-route")


@pytest.mark.parametrize(("wish", "source"), [("direct", "agent"), ("tunnel", "tunnel"), ("sideways", "agent")])
async def test_a_trusted_peer_chooses_the_kind_of_route(place: Place, wish: str, source: str) -> None:
    routes = [route(place.origin.port), route(place.origin.port, source="tunnel", priority=2, ip="127.0.0.2")]
    async with Origin("tunnel") as tunnel:
        routes[1] = route(tunnel.port, source="tunnel", priority=2)
        host = place.trusted.tenant(f"wish{wish}", *routes)
        place.stranger.tenant(f"wish{wish}", *routes)
        wishes = ("X-Mesh-Force", wish), ("X-Mesh-Trace", "1")
        assert (await place.trusted.ask("GET", host, "/", *wishes)).one("x-mesh-route") == f"{source},pcs"
        assert (await place.stranger.ask("GET", host, "/", *wishes)).json["origin"] == "alice"


async def test_an_edge_workers_original_host_counts_only_from_a_trusted_peer(place: Place) -> None:
    rewritten = ("X-Mesh-Route-Host", "Alice.example.com")
    answer = await place.trusted.ask("GET", "edge.example.net", "/", rewritten)
    assert (answer.status, place.origin.last.one("host")) == (200, HOST)
    assert (await place.stranger.ask("GET", "edge.example.net", "/", rewritten)).code == "FOREIGN_HOST"
