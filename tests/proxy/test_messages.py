"""What do requests and answers look like when they leave the gateway? One table per function."""

from dataclasses import dataclass

import pytest
from mitmproxy import http
from mitmproxy.net.http import http1 as wire

from mesh_gateway.pipeline import Arrival, Brain, Listener, NeedsRoutes, Visit
from mesh_gateway.proxy.flow_path.messages import (
    MAX_ANSWER_FIELDS,
    answer_fault,
    as_edited,
    body_length,
    field,
    glimpse,
    http1_request,
    http2_request,
    is_long,
    outgoing_answer,
    outgoing_request,
    place,
    read_head,
)
from mesh_gateway.routing.fields import Field
from mesh_gateway.routing.head import Rejection, RequestHead
from mesh_gateway.routing.health import HealthTable
from mesh_gateway.routing.limits import RateLimiter
from mesh_gateway.routing.verdicts import Failure
from mesh_gateway.settings import read_settings
from tests.routing.heads import LIMITS, http1, http2

ALICE = "alice.nsl.sh"
BRAIN = Brain(read_settings({"server_domain": "nsl.sh"}), HealthTable(), RateLimiter(0), "token", lambda: "id")
STRANGER = Arrival("198.51.100.7", "https", Listener.PUBLIC, accepting=True, same_certificate=None)
PSEUDO = {b":method": b"GET", b":scheme": b"https", b":path": b"/x", b":authority": ALICE.encode()}
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="


def admitted(head: RequestHead) -> Visit:
    decision = BRAIN.admit(head, STRANGER, now=0.0)
    assert isinstance(decision, NeedsRoutes)
    return decision.visit


# Requests as they come.


def test_an_http1_head_becomes_a_request_without_a_place_to_go() -> None:
    request = http1_request(http1("X-Own: 1", request_line="PUT /a?b HTTP/1.1"))
    assert (request.method, request.path, request.http_version) == ("PUT", "/a?b", "HTTP/1.1")
    assert (request.data.host, request.data.port, request.authority) == ("", 0, "")
    assert request.headers.fields == ((b"Host", ALICE.encode()), (b"X-Own", b"1"))


def test_an_http2_head_becomes_one_too() -> None:
    request = http2_request(PSEUDO, http.Headers([(b"x-own", b"1")]))
    assert (request.method, request.path, request.scheme, request.authority) == ("GET", "/x", "https", ALICE)
    assert request.is_http2


@pytest.mark.parametrize("name", [b":method", b":scheme", b":path"])
def test_without_a_pseudo_field_that_must_be_there_it_is_none(name: bytes) -> None:
    with pytest.raises(KeyError):
        http2_request({key: value for key, value in PSEUDO.items() if key != name}, http.Headers())


def test_the_authority_may_be_missing_for_the_brain_to_judge() -> None:
    rest = {key: value for key, value in PSEUDO.items() if key != b":authority"}
    assert http2_request(rest, http.Headers()).authority == ""


def test_with_an_unknown_pseudo_field_it_is_none() -> None:
    with pytest.raises(ValueError, match="unknown pseudo fields"):
        http2_request({**PSEUDO, b":protocol": b"websocket"}, http.Headers())


def test_a_request_of_either_protocol_is_read_strictly() -> None:
    modern = read_head(http2_request(PSEUDO, http.Headers([(b"x-own", b"1")])), end_stream=True, limits=LIMITS)
    recorded = read_head(http1_request(http1("X-Own: 1", request_line="GET /x HTTP/1.1")), True, LIMITS)
    for head in (modern, recorded):
        assert isinstance(head, RequestHead)
        assert (head.method, head.target, head.authority) == ("GET", "/x", ALICE)
    bad = read_head(http2_request({**PSEUDO, b":path": b"/ x"}, http.Headers()), True, LIMITS)
    assert isinstance(bad, Rejection)
    assert bad.failure is Failure.BAD_REQUEST


PLACES = {
    ("alice.nsl.sh", "https"): ("alice.nsl.sh", 443),
    ("alice.nsl.sh", "http"): ("alice.nsl.sh", 80),
    ("alice.nsl.sh:8080", "http"): ("alice.nsl.sh", 8080),
    ("[2001:db8::1]:81", "http"): ("[2001:db8::1]", 81),
    ("alice.nsl.sh:x", "http"): ("alice.nsl.sh:x", 80),
    ("", "http"): ("", 80),
    ("a" * 300, "http"): ("a" * 255, 80),
}


@pytest.mark.parametrize(("host", "scheme"), PLACES)
def test_a_refused_request_shows_where_it_was_meant_to_go(host: str, scheme: str) -> None:
    request = http1_request(http1(host=None, request_line="GET / HTTP/1.0"))
    request.headers["host"] = host
    place(request, scheme)
    assert (request.data.host, request.data.port) == PLACES[host, scheme]
    assert request.headers["host"] == host, "what came is not rewritten"


GLIMPSES = {
    b"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n": ("GET", b"text/html"),
    b"\r\nPUT / HTTP/1.1\r\naccept:\t*/*\r\n": ("PUT", b"*/*"),
    b"GET / HTTP/1.1\r\nX-Accept: text/html\r\n\r\n": ("GET", None),
    b"get / HTTP/1.1\r\n": ("", None),
    b"\x16\x03\x01\x00\xa5": ("", None),
    b"": ("", None),
    b"A" * 21 + b" / HTTP/1.1": ("", None),
    b"GET / HTTP/1.1\r\nAccept: a\x00b\r\n": ("GET", b"a"),
}


@pytest.mark.parametrize("raw", GLIMPSES)
def test_of_what_is_no_request_a_little_is_made_out(raw: bytes) -> None:
    seen = glimpse(raw)
    assert (seen.method, seen.accept) == GLIMPSES[raw]


# Requests as they go.


@dataclass(frozen=True, slots=True)
class Going:
    """A request, how its upstream is spoken to, and the framing it goes out with."""

    lines: tuple[str, ...] = ()
    method: str = "PUT"
    http2: bool = False
    end_stream: bool = False
    length: str | None = None
    coding: str | None = None


GOING = {
    "a length": Going(("Content-Length: 5",), length="5"),
    "chunks": Going(("Transfer-Encoding: chunked",), coding="chunked"),
    "no body": Going(method="GET", end_stream=True),
    "an empty body": Going(("Content-Length: 0",), end_stream=True, length="0"),
    "a length, over http2": Going(("Content-Length: 5",), http2=True, length="5"),
    "chunks, over http2": Going(("Transfer-Encoding: chunked",), http2=True),
}


def going(row: Going) -> http.Request:
    head = http1(*row.lines, request_line=f"{row.method} /a?b HTTP/1.1")
    visit = admitted(head)
    return outgoing_request(http1_request(head), BRAIN.edit(visit), visit, http2=row.http2, end_stream=row.end_stream)


@pytest.mark.parametrize("row", GOING.values(), ids=GOING)
def test_a_request_goes_out_with_one_framing(row: Going) -> None:
    request = going(row)
    assert request.headers.get("content-length") == row.length
    assert request.headers.get("transfer-encoding") == row.coding
    assert request.http_version == ("HTTP/2.0" if row.http2 else "HTTP/1.1")
    assert request.data.content is None


def test_an_http2_body_without_a_length_becomes_chunks() -> None:
    """Or the upstream would take it for its next request (HAZARDS B1)."""
    head = http2(method=b"POST")
    visit = admitted(head)
    sent = outgoing_request(
        http2_request({**PSEUDO, b":method": b"POST"}, http.Headers()),
        BRAIN.edit(visit),
        visit,
        http2=False,
        end_stream=False,
    )
    assert sent.headers["transfer-encoding"] == "chunked"
    assert wire.assemble_request_head(sent).startswith(b"POST /x HTTP/1.1\r\nHost: alice.nsl.sh\r\n")


def test_over_http1_the_target_is_a_path_whatever_form_it_came_in() -> None:
    sent = going(Going())
    assert wire.assemble_request_head(sent).startswith(b"PUT /a?b HTTP/1.1\r\nHost: alice.nsl.sh\r\n")
    assert sent.headers.get_all("host") == [ALICE]


def test_over_http2_the_host_is_the_authority_and_names_are_lower_case() -> None:
    sent = going(Going(("X-Own: 1",), http2=True))
    assert (sent.authority, sent.scheme) == (ALICE, "https")
    assert "host" not in sent.headers
    assert all(name == name.lower() for name, _ in sent.headers.fields)


def test_a_request_that_came_stays_as_it_came() -> None:
    head = http1("X-Forwarded-For: 203.0.113.9", request_line="PUT / HTTP/1.1")
    request, visit = http1_request(head), admitted(head)
    before = request.get_state()
    outgoing_request(request, BRAIN.edit(visit), visit, http2=True, end_stream=True)
    assert request.get_state() == before


def test_what_somebody_edits_is_sent_and_nothing_else_changes() -> None:
    head = http1("X-Own: 1")
    request, visit = http1_request(head), admitted(head)
    assert as_edited(visit, request) is visit
    request.headers["X-Own"] = "2"
    request.path = "/edited"
    edited = as_edited(visit, request)
    assert (edited.head.target, edited.head.first(b"x-own")) == ("/edited", b"2")
    assert (edited.host, edited.client, edited.request_id) == (visit.host, visit.client, visit.request_id)


# Answers as they go.


@dataclass(frozen=True, slots=True)
class Answering:
    """An upstream's answer, to whom it goes, and with what framing."""

    fields: tuple[Field, ...] = ()
    status: int = 200
    version: str = "HTTP/1.1"
    method: str = "GET"
    close: bool = False
    length: str | None = None
    coding: str | None = None
    connection: str | None = None


SIZED, CHUNKED = ((b"Content-Length", b"5"),), ((b"Transfer-Encoding", b"chunked"),)
ANSWERING = {
    "a length": Answering(SIZED, length="5"),
    "a length, to http/1.0": Answering(SIZED, version="HTTP/1.0", length="5", connection="keep-alive"),
    "a length, to http/2": Answering(SIZED, version="HTTP/2.0", length="5"),
    "chunks": Answering(CHUNKED, coding="chunked"),
    "chunks, to http/1.0": Answering(CHUNKED, version="HTTP/1.0", connection="close"),
    "chunks, to http/2": Answering(CHUNKED, version="HTTP/2.0"),
    "until the end": Answering(coding="chunked"),
    "until the end, to http/1.0": Answering(version="HTTP/1.0", connection="close"),
    "a length and chunks": Answering((*SIZED, *CHUNKED), coding="chunked"),
    "the last": Answering(SIZED, close=True, length="5", connection="close"),
    "the last, to http/1.0": Answering(SIZED, version="HTTP/1.0", close=True, length="5", connection="close"),
    "the last, to http/2": Answering(SIZED, version="HTTP/2.0", close=True, length="5"),
    "to head": Answering(SIZED, method="HEAD", length="5"),
    "to head, no length": Answering(method="HEAD"),
    "no content": Answering(status=204),
    "not modified": Answering(SIZED, status=304, length="5"),
    "not modified, to http/1.0": Answering(status=304, version="HTTP/1.0", connection="keep-alive"),
}


def answering(row: Answering, *, mesh_route: str | None = None) -> http.Response:
    return outgoing_answer(
        answer(row.status, *row.fields),
        row.fields,
        client_version=row.version,
        method=row.method,
        request_id="id",
        mesh_route=mesh_route,
        close=row.close,
    )


def answer(status: int, *fields: Field) -> http.Response:
    return http.Response(b"HTTP/1.1", status, b"Reason", http.Headers(fields), None, None, 0.0, None)


@pytest.mark.parametrize("row", ANSWERING.values(), ids=ANSWERING)
def test_an_answer_goes_out_with_one_framing(row: Answering) -> None:
    sent = answering(row)
    assert sent.status_code == row.status
    assert sent.headers.get("content-length") == row.length
    assert sent.headers.get("transfer-encoding") == row.coding
    assert sent.headers.get("connection") == row.connection
    assert sent.headers.get_all("x-request-id") == ["id"]


def test_what_was_for_the_gateway_alone_goes_no_further() -> None:
    row = Answering(
        (*SIZED, (b"Connection", b"X-Hop"), (b"X-Hop", b"1"), (b"Keep-Alive", b"1"), (b"X-Mesh-Route", b"forged"))
    )
    sent = answering(row)
    assert not {"x-hop", "keep-alive", "connection", "x-mesh-route"} & {name.lower() for name in sent.headers}
    assert answering(row, mesh_route="agent,pcs").headers["x-mesh-route"] == "agent,pcs"


def test_to_http2_names_are_lower_case() -> None:
    sent = answering(Answering((*SIZED, (b"X-Own", b"1")), version="HTTP/2.0"))
    assert sent.http_version == "HTTP/2.0"
    assert all(name == name.lower() for name, _ in sent.headers.fields)


def test_an_upgrade_keeps_what_makes_it_one_and_has_no_framing() -> None:
    sent = answering(Answering(((b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")), status=101, close=True))
    assert (sent.headers["connection"], sent.headers["upgrade"]) == ("Upgrade", "websocket")
    assert "transfer-encoding" not in sent.headers


PLAIN, SOCKET = http1(), http1(*UPGRADE, KEY)
FAULTS = {
    "an upgrade that was asked for": (answer(101), SOCKET, None),
    "an upgrade that was not": (answer(101), PLAIN, "an upgrade nobody asked for"),
    "any three digits": (answer(799), PLAIN, None),
    "two digits": (answer(99), PLAIN, "status 99"),
    "four digits": (answer(1000), PLAIN, "status 1000"),
    "many fields": (answer(200, *[(b"x", b"1")] * MAX_ANSWER_FIELDS), PLAIN, None),
    "too many fields": (answer(200, *[(b"x", b"1")] * (MAX_ANSWER_FIELDS + 1)), PLAIN, "too many header fields"),
    "an interim status that came as the final one": (answer(100), PLAIN, "status 100"),
    "another": (answer(103), PLAIN, "status 103"),
    "a space in a name": (answer(200, (b"X Y", b"1")), PLAIN, "field name b'X Y'"),
    "a space behind a name": (answer(200, (b"Content-Length ", b"0")), PLAIN, "field name b'Content-Length '"),
    "a CR in a name": (answer(200, (b"X\rY", b"1")), PLAIN, "field name b'X\\rY'"),
    "two lengths": (
        answer(200, (b"Content-Length", b"1"), (b"Content-Length", b"2")),
        PLAIN,
        "content-length ['1', '2']",
    ),
    "a length with a sign": (answer(200, (b"Content-Length", b"+2")), PLAIN, "content-length ['+2']"),
    "no length at all": (answer(200, (b"Content-Length", b"")), PLAIN, "content-length ['']"),
    "a CR in a value": (answer(200, (b"x", b"a\rb")), PLAIN, "control bytes in field b'x'"),
    "a LF in a value": (answer(200, (b"x", b"a\nb")), PLAIN, "control bytes in field b'x'"),
    "a NUL in a value": (answer(200, (b"x", b"a\0b")), PLAIN, "control bytes in field b'x'"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_an_answer_that_breaks_the_protocol_is_not_passed_on(name: str) -> None:
    response, head, fault = FAULTS[name]
    assert answer_fault(response, admitted(head)) == fault


# Small parts.

LENGTHS = {"5": 5, "0": 0, "": None, "-1": None, "+5": None, "5, 5": None, "\N{SUPERSCRIPT TWO}": None, "1e3": None}


@pytest.mark.parametrize("text", LENGTHS)
def test_a_length_is_digits(text: str) -> None:
    assert body_length(answer(200, (b"Content-Length", text.encode()))) == LENGTHS[text]


LIMIT = 100
LONG: dict[tuple[str, ...], bool] = {
    ("Content-Length: 100",): False,
    ("Content-Length: 101",): True,
    ("Transfer-Encoding: chunked",): True,
    ("Content-Length: 1", "Expect: 100-continue"): True,
}


@pytest.mark.parametrize("lines", LONG)
def test_a_body_that_may_never_end_is_long(lines: tuple[str, ...]) -> None:
    assert is_long(http1_request(http1(*lines, request_line="PUT / HTTP/1.1")), LIMIT) == LONG[lines]


def test_a_field_is_found_whatever_its_case_and_its_first_value_counts() -> None:
    response = answer(200, (b"X-OWN", b"1"), (b"x-own", b"2"))
    assert (field(response, b"x-own"), field(response, b"x-other")) == (b"1", None)
