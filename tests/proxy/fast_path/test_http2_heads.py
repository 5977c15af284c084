"""Laws of header blocks: which ones end the connection, which ones get an answer, and what is passed on."""

import base64

import pytest

from mesh_gateway.proxy.fast_path.http2_heads import (
    Accepted,
    Broken,
    Refused,
    answer_head,
    read_answer_block,
    read_head,
    read_trailers,
)
from mesh_gateway.proxy.fast_path.http2_websocket import expected_accept
from mesh_gateway.routing.client import Client
from mesh_gateway.routing.head import Field, Framing, HeadLimits, Version
from mesh_gateway.routing.verdicts import Failure
from mesh_gateway.routing.websocket import is_websocket

LIMITS = HeadLimits(size=2000, fields=10, target=100)
KEY = bytes(range(16))
METHOD, SCHEME, PATH, AUTHORITY = PSEUDO = (
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":path", b"/a"),
    (b":authority", b"alice.example.com"),
)
CONNECT = ((b":method", b"CONNECT"), (b":protocol", b"websocket"), SCHEME, PATH, AUTHORITY)
VERSION = (b"sec-websocket-version", b"13")


def read(*fields: Field, end_stream: bool = True) -> Accepted | Refused | Broken:
    return read_head(fields, end_stream=end_stream, limits=LIMITS, new_key=lambda: KEY)


def test_a_request_is_what_its_block_says() -> None:
    found = read(*PSEUDO, (b"accept", b"*/*"), (b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2"), end_stream=False)
    assert isinstance(found, Accepted)
    head = found.head
    assert (head.method, head.target, head.authority, head.version) == (
        "GET",
        "/a",
        "alice.example.com",
        Version.HTTP_2,
    )
    assert head.fields == ((b"accept", b"*/*"), (b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2"))
    assert head.body.framing is Framing.UNTIL_END


# What h2 refuses with `validate_inbound_headers`, which the flow path has on: RFC 9113 8.2 and 8.3.
BROKEN: dict[str, tuple[Field, ...]] = {
    "no method": (SCHEME, PATH, AUTHORITY),
    "no scheme": (METHOD, PATH, AUTHORITY),
    "no path": (METHOD, SCHEME, AUTHORITY),
    "an empty path": (METHOD, SCHEME, (b":path", b""), AUTHORITY),
    "two paths": (*PSEUDO, PATH),
    "an unknown pseudo field": (*PSEUDO, (b":x", b"1")),
    "a status": (*PSEUDO, (b":status", b"200")),
    "a pseudo field after others": (METHOD, SCHEME, PATH, (b"x", b"1"), AUTHORITY),
    "a pseudo field after a cookie": (METHOD, SCHEME, PATH, (b"cookie", b"1"), AUTHORITY),
    "neither authority nor host": (METHOD, SCHEME, PATH),
    "another host": (*PSEUDO, (b"host", b"bob.example.com")),
    "an upper-case name": (*PSEUDO, (b"X", b"1")),
    "an empty name": (*PSEUDO, (b"", b"1")),
    "a colon in a name": (*PSEUDO, (b"x: y", b"1")),
    "CRLF in a value": (*PSEUDO, (b"x", b"a\r\nb: c")),
    "NUL in a value": (*PSEUDO, (b"x", b"a\0b")),
    "a space before a value": (*PSEUDO, (b"x", b" a")),
    "LF in the path": (METHOD, SCHEME, (b":path", b"/a\nb"), AUTHORITY),
    "transfer-encoding": (*PSEUDO, (b"transfer-encoding", b"chunked")),
    "connection": (*PSEUDO, (b"connection", b"close")),
    "upgrade": (*PSEUDO, (b"upgrade", b"h2c")),
    "te": (*PSEUDO, (b"te", b"gzip")),
    "a protocol without CONNECT": (*PSEUDO, (b":protocol", b"websocket")),
    "a CONNECT of HTTP/1's form": ((b":method", b"CONNECT"), AUTHORITY),
}


@pytest.mark.parametrize("fields", BROKEN.values(), ids=BROKEN)
def test_what_is_not_http2_ends_the_connection(fields: tuple[Field, ...]) -> None:
    assert isinstance(read(*fields), Broken)


REFUSED: dict[str, tuple[tuple[Field, ...], Failure]] = {
    "a space in the path": ((METHOD, SCHEME, (b":path", b"/a b"), AUTHORITY), Failure.BAD_REQUEST),
    "a path without a slash": ((METHOD, SCHEME, (b":path", b"a"), AUTHORITY), Failure.BAD_REQUEST),
    "a path too long": ((METHOD, SCHEME, (b":path", b"/" * 101), AUTHORITY), Failure.URI_TOO_LONG),
    "a method with a space": (((b":method", b"GET /x"), *PSEUDO[1:]), Failure.BAD_REQUEST),
    "TRACE": (((b":method", b"TRACE"), *PSEUDO[1:]), Failure.METHOD_NOT_ALLOWED),
    "CONNECT": (((b":method", b"CONNECT"), *PSEUDO[1:]), Failure.METHOD_NOT_ALLOWED),
    "a user name": ((*PSEUDO[:3], (b":authority", b"bob@alice.example.com")), Failure.BAD_REQUEST),
    "too many fields": ((*PSEUDO, *[(b"x", b"1")] * 11), Failure.HEADERS_TOO_LARGE),
    "too large": ((*PSEUDO, (b"x", b"1" * 2001)), Failure.HEADERS_TOO_LARGE),
    "a control byte in a value": ((*PSEUDO, (b"x", b"a\x01b")), Failure.BAD_REQUEST),
    "another protocol": (
        ((b":method", b"CONNECT"), (b":protocol", b"connect-udp"), *PSEUDO[1:], VERSION),
        Failure.BAD_REQUEST,
    ),
    "a WebSocket of another version": ((*CONNECT, (b"sec-websocket-version", b"8")), Failure.BAD_REQUEST),
    "a WebSocket with a length": ((*CONNECT, VERSION, (b"content-length", b"5")), Failure.BAD_REQUEST),
}


@pytest.mark.parametrize(("fields", "failure"), REFUSED.values(), ids=REFUSED)
def test_what_only_the_gateway_refuses_gets_an_answer(fields: tuple[Field, ...], failure: Failure) -> None:
    found = read(*fields, (b"accept", b"text/html"))
    assert isinstance(found, Refused)
    assert found.rejection.failure is failure
    assert (found.method, found.path) == tuple(dict(fields)[name].decode() for name in (b":method", b":path"))
    assert found.accept == b"text/html"


def test_an_extended_connect_is_the_handshake_that_it_stands_for() -> None:
    found = read(*CONNECT, VERSION, (b"origin", b"https://a"), (b"sec-websocket-key", b"client's"), end_stream=False)
    assert isinstance(found, Accepted)
    assert found.is_websocket
    head = found.head
    assert (head.method, head.target, head.body.is_empty) == ("GET", "/a", True)
    assert head.values(b"sec-websocket-key") == [base64.b64encode(KEY)]
    assert head.first(b"origin") == b"https://a"
    assert is_websocket(head, Client("192.0.2.1", trusted=False, chain=()))


def test_the_accept_is_rfc_6455s() -> None:
    assert expected_accept(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_trailers_that_would_mean_something_in_a_head_are_dropped() -> None:
    claims = [b"x-forwarded-for", b"host", b"content-length", b"authorization", b"x-mesh-route-host", b"cookie"]
    assert read_trailers([(b"grpc-status", b"0"), *((name, b"1") for name in claims)]) == [(b"grpc-status", b"0")]


@pytest.mark.parametrize("field", [(b":path", b"/"), (b"X", b"1"), (b"x", b"a\r\nb"), (b"connection", b"close")])
def test_trailers_that_are_none_end_the_connection(field: Field) -> None:
    assert isinstance(read_trailers([field]), Broken)


def test_an_answer_has_what_its_status_allows() -> None:
    fields = [(b"Content-Length", b"0"), (b"Server", b"X")]
    assert answer_head(200, fields) == (200, fields)
    assert answer_head(204, fields) == (204, [(b"Server", b"X")])


def test_an_upgrade_is_a_success_here() -> None:
    fields = [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"), (b"Sec-WebSocket-Accept", b"x")]
    chosen = (b"Sec-WebSocket-Protocol", b"chat")
    assert answer_head(101, [*fields, chosen]) == (200, [chosen])


BAD_ANSWERS: dict[str, list[Field]] = {
    "nothing": [(b"server", b"x")],
    "a status that is none": [(b":status", b"2000")],
    "a name that is none": [(b":status", b"200"), (b"a b", b"1")],
    "an upper-case name": [(b":status", b"200"), (b"Server", b"1")],
    "a line break": [(b":status", b"200"), (b"x", b"a\r\nset-cookie: b")],
    "a field of a connection": [(b":status", b"200"), (b"transfer-encoding", b"chunked")],
    "a second status": [(b":status", b"200"), (b":status", b"500")],
    "too many fields": [(b":status", b"200"), *[(b"x", b"1")] * 201],
}


@pytest.mark.parametrize("headers", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_what_no_upstream_may_answer(headers: list[Field]) -> None:
    assert isinstance(read_answer_block(headers), Broken)


def test_what_an_upstream_may_answer() -> None:
    assert read_answer_block([(b":status", b"200"), (b"x", b"1")]) == (200, [(b"x", b"1")])
