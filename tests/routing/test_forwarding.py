"""An upstream sees what the client sent and what the gateway vouches for, and nothing that passes for it."""

from dataclasses import replace

import pytest

from mesh_gateway.routing.client import Client
from mesh_gateway.routing.fields import Field, FieldSection
from mesh_gateway.routing.forwarding import Forwarding, answer_fields, forwarded_fields
from mesh_gateway.routing.request import RequestHead
from tests.routing.heads import EDGE, STRANGER, http1, http2

FORWARDING = Forwarding(STRANGER, "alice.nsl.sh", 8443, "https", "node-a", websocket=False)

SAID = (
    (b"X-Real-IP", b"198.51.100.7"),
    (b"X-Forwarded-For", b"198.51.100.7"),
    (b"X-Forwarded-Proto", b"https"),
    (b"X-Forwarded-Host", b"alice.nsl.sh"),
    (b"X-Forwarded-Port", b"8443"),
    (b"X-Request-ID", b"id-1"),
    (b"CDN-Loop", b"mesh-router-gateway; node=node-a"),
)


def forwarded(head: RequestHead, forwarding: Forwarding) -> tuple[Field, ...]:
    """All fields, for a request whose id is `id-1`."""
    return forwarded_fields(head, forwarding).with_id("id-1")


def passed_on(head: RequestHead, client: Client = STRANGER) -> tuple[Field, ...]:
    """What is sent between `Host` and the gateway's own fields."""
    fields = forwarded(head, replace(FORWARDING, client=client))
    said = next(at for at, (name, _) in enumerate(fields) if name in (b"TE", b"X-Real-IP"))
    assert fields[0] == (b"Host", b"alice.nsl.sh")
    return fields[1:said]


def test_a_request_is_passed_on_in_order_with_what_the_gateway_says() -> None:
    head = http1("B: 1", "a: 2", "B: 3", host="ALICE.nsl.sh:8443")
    assert forwarded(head, FORWARDING) == (
        (b"Host", b"alice.nsl.sh"),
        (b"B", b"1"),
        (b"a", b"2"),
        (b"B", b"3"),
        *SAID,
    )


@pytest.mark.parametrize(
    "line",
    [
        "Connection: close",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: close",
        "Proxy-Authorization: Basic x",
        "Proxy-Anything: x",
        "Proxy: http://evil.org:8080",
        "TE: gzip",
        "Trailer: X-Sum",
        "Transfer-Encoding: chunked",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABk",
        "Expect: 100-continue",
        "X_Real_IP: 6.6.6.6",
        "X_Mesh_Force: direct",
        "my_name: x",
        "X-Mesh-Trace: 1",
        "x-mesh-anything: 1",
        "X-Real-IP: 6.6.6.6",
        "x-forwarded-for: 6.6.6.6",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Host: evil.org",
        "X-Forwarded-Port: 1",
        "X-Request-ID: forged",
    ],
)
@pytest.mark.parametrize("client", [STRANGER, EDGE], ids=["stranger", "edge"])
def test_never_passed_on(line: str, client: Client) -> None:
    assert passed_on(http1(line, request_line="POST / HTTP/1.1"), client) == ()


@pytest.mark.parametrize("line", ["Forwarded: for=6.6.6.6", "X-Forwarded-Prefix: /x", "X-Forwarded-Server: x"])
def test_other_claims_pass_from_trusted_peers_only(line: str) -> None:
    assert passed_on(http1(line)) == ()
    assert len(passed_on(http1(line), EDGE)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "Content-Length: 0",
        "Accept-Encoding: br",
        "Authorization: Basic x",
        "Range: bytes=0-1",
        "X: \xe9",
        "Sec-WebSocket-Protocol: chat",
        "X-Forwarded: 1",
        "X-Meshed: 1",
    ],
)
def test_untouched(line: str) -> None:
    name, value = line.encode("latin-1").split(b": ")
    assert passed_on(http1(line)) == ((name, value),)


def test_what_connection_names_is_for_this_hop() -> None:
    head = http1("Connection: close, X-A", "x-a: 1", "connection: X-b", "X-B: 2", "X-C: 3")
    assert passed_on(head) == ((b"X-C", b"3"),)


def test_connection_cannot_name_away_framing_or_what_the_gateway_says() -> None:
    head = http1(
        "Connection: Host, Content-Length, X-Real-IP, X-Forwarded-For, CDN-Loop",
        "Content-Length: 3",
        "CDN-Loop: other",
        request_line="POST / HTTP/1.1",
    )
    said = (*SAID[:-1], (b"CDN-Loop", b"other, mesh-router-gateway; node=node-a"))
    assert forwarded(head, FORWARDING) == ((b"Host", b"alice.nsl.sh"), (b"Content-Length", b"3"), *said)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param(http1("TE: gzip, Trailers"), True, id="among others"),
        pytest.param(http1("TE: trailers", "Connection: TE"), True, id="named by connection, as it has to be"),
        pytest.param(http2((b"te", b"trailers")), True, id="HTTP/2"),
        pytest.param(http1("TE: deflate;q=0.5"), False, id="codings only"),
        pytest.param(http1(), False, id="none"),
    ],
)
def test_of_te_only_trailers_goes_on(head: RequestHead, expected: bool) -> None:
    fields = forwarded(head, FORWARDING)
    assert ((b"TE", b"trailers") in fields) is expected
    assert len(fields) == 1 + len(SAID) + expected


@pytest.mark.parametrize(("said", "told"), [(b"7", b"7"), (b"007", b"7"), (b"000", b"0"), (b"10", b"10")])
def test_a_length_is_passed_on_without_leading_zeros(said: bytes, told: bytes) -> None:
    assert passed_on(http1(f"Content-Length: {said.decode()}")) == ((b"Content-Length", told),)


def test_cookie_crumbs_are_joined_where_the_first_one_stood() -> None:
    head = http2((b"a", b"1"), (b"cookie", b"x=1"), (b"b", b"2"), (b"cookie", b"y=2; z=3"), (b"c", b"3"))
    assert passed_on(head) == ((b"a", b"1"), (b"cookie", b"x=1; y=2; z=3"), (b"b", b"2"), (b"c", b"3"))


def test_a_trusted_peer_is_appended_to_its_chain() -> None:
    head = http1("X-Forwarded-For: 198.51.100.7", "X-Real-IP: 6.6.6.6")
    fields = dict(forwarded(head, replace(FORWARDING, client=EDGE)))
    assert fields[b"X-Forwarded-For"] == b"198.51.100.7, 10.0.0.1"
    assert fields[b"X-Real-IP"] == b"198.51.100.7"


def test_a_section_that_comes_again_passes_by_who_sends_it_and_nothing_else() -> None:
    head = http1("Forwarded: for=6.6.6.6", "X-Request-ID: theirs", "A: 1")
    clients = (STRANGER, EDGE, STRANGER, EDGE)
    forwarded, rest = (b"Forwarded", b"for=6.6.6.6"), (b"A", b"1")
    assert [passed_on(head, client) for client in clients] == [(rest,), (forwarded, rest)] * 2
    fields = forwarded_fields(head, FORWARDING)
    assert [dict(fields.with_id(told))[b"X-Request-ID"] for told in ("a", "b")] == [b"a", b"b"]


def test_the_lines_of_http1_say_the_same_fields() -> None:
    fields = forwarded_fields(http1("B: 1", "a: 2"), FORWARDING)
    lines = b"".join(b"%b: %b\r\n" % field for field in fields.with_id("id-1"))
    assert fields.http1_lines("id-1") == lines


@pytest.mark.parametrize(
    "lines", [["Connection: keep-alive, Upgrade", "Upgrade: h2c, websocket"], ["X-Mesh-WebSocket: 1"]]
)
def test_a_websocket_asks_for_its_upgrade_and_no_other(lines: list[str]) -> None:
    fields = forwarded(http1(*lines), replace(FORWARDING, websocket=True))
    assert fields[1:] == (*SAID, (b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"))


ID = (b"X-Request-ID", b"id-1")


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        pytest.param(((b"B", b"1"), (b"a", b"2"), (b"Set-Cookie", b"x"), (b"Set-Cookie", b"y")), 4, id="untouched and in order"),
        pytest.param(((b"Location", b"http://10.0.0.1/"), (b"Content-Encoding", b"br"), (b"Server", b"x")), 3, id="no rewriting"),
        pytest.param(((b"Content-Length", b"3"), (b"Trailer", b"X"), (b"Proxy-Status", b"x"), (b"x_y", b"1")), 4, id="end to end"),
        pytest.param(((b"Connection", b"close"), (b"Keep-Alive", b"1"), (b"Proxy-Connection", b"close")), 0, id="one hop"),
        pytest.param(((b"Proxy-Authenticate", b"Basic"), (b"Upgrade", b"h2c"), (b"TE", b"x")), 0, id="one hop, too"),
        pytest.param(((b"X-Kept", b"1"), (b"Connection", b"x-a, Content-Length"), (b"X-A", b"1")), 1, id="named by connection"),
        pytest.param(((b"X-Kept", b"1"), (b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"3")), 1, id="framing overridden"),
        pytest.param(((b"Alt-Svc", b'h3=":443"'), (b"x-mesh-route", b"forged"), (b"x-request-id", b"theirs")), 0, id="E8 and ours to say"),
    ],
)  # fmt: skip
def test_an_answer_is_passed_on(fields: tuple[Field, ...], kept: int) -> None:
    assert answer_fields(fields, request_id="id-1", mesh_route=None, upgrade=False) == (*fields[:kept], ID)


def test_content_length_cannot_be_named_away_from_an_answer() -> None:
    fields = ((b"Content-Length", b"3"), (b"Connection", b"content-length"))
    assert answer_fields(fields, request_id="id-1", mesh_route=None, upgrade=False) == (fields[0], ID)


def test_an_answer_shows_its_route_when_asked() -> None:
    answer = answer_fields((), request_id="id-1", mesh_route="agent,pcs", upgrade=False)
    assert answer == (ID, (b"X-Mesh-Route", b"agent,pcs"))


def test_an_upgraded_answer_keeps_its_upgrade() -> None:
    fields = ((b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"), (b"Sec-WebSocket-Accept", b"x"))
    noise = ((b"Keep-Alive", b"1"), (b"Alt-Svc", b"x"))
    assert answer_fields(fields + noise, request_id="id-1", mesh_route=None, upgrade=True) == (*fields, ID)


def test_an_answer_that_comes_again_is_told_apart_by_its_upgrade_and_id() -> None:
    section = FieldSection([(b"Upgrade", b"websocket"), (b"A", b"1")])
    told = [answer_fields(section, request_id=own, mesh_route=None, upgrade=up) for own in "ab" for up in (False, True)]
    assert told == [(*kept, (b"X-Request-ID", own)) for own in (b"a", b"b") for kept in (section[1:], tuple(section))]
