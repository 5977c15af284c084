"""An HTTP/1 head is carried only if no two parsers could read it in two ways."""

import pytest

from mesh_gateway.routing.head import Body, Framing, Rejection, RequestHead, Version, parse_http1
from mesh_gateway.routing.verdicts import Failure
from tests.routing.heads import LIMITS, http1

NONE, CHUNKED = Body(Framing.NONE), Body(Framing.CHUNKED)


def get(rest: bytes = b"") -> bytes:
    return b"GET / HTTP/1.1\r\nHost: a.nsl.sh\r\n" + rest + b"\r\n"


def post(rest: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a.nsl.sh\r\n" + rest + b"\r\n"


@pytest.mark.parametrize(
    ("raw", "method", "target", "authority", "version", "body"),
    [
        pytest.param(get(), "GET", "/", "a.nsl.sh", Version.HTTP_1_1, NONE, id="plain"),
        pytest.param(b"\r\n" + get(), "GET", "/", "a.nsl.sh", Version.HTTP_1_1, NONE, id="one empty line before"),
        pytest.param(b"GET / HTTP/1.0\r\n\r\n", "GET", "/", "", Version.HTTP_1_0, NONE, id="1.0 without host"),
        pytest.param(b"GET /x HTTP/1.0\r\nhost:b\r\n\r\n", "GET", "/x", "b", Version.HTTP_1_0, NONE, id="1.0 with host"),
        pytest.param(b"M-SEARCH / HTTP/1.1\r\nHost: b\r\n\r\n", "M-SEARCH", "/", "b", Version.HTTP_1_1, NONE, id="method with a dash"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n", "OPTIONS", "*", "b", Version.HTTP_1_1, NONE, id="asterisk"),
        pytest.param(b'GET //x?y=%20|" HTTP/1.1\r\nHost: b\r\n\r\n', "GET", '//x?y=%20|"', "b", Version.HTTP_1_1, NONE, id="target untouched"),
        pytest.param(b"GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET", "/", "", Version.HTTP_1_1, NONE, id="empty host is for hostname to judge"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: b\xc3\xbc.nsl.sh\r\n\r\n", "GET", "/", "bü.nsl.sh", Version.HTTP_1_1, NONE, id="host in utf-8"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: b\xfc.nsl.sh\r\n\r\n", "GET", "/", "bü.nsl.sh", Version.HTTP_1_1, NONE, id="host in latin-1"),
        pytest.param(b"GET HTTP://A.nsl.sh:80/p?q HTTP/1.1\r\nHost: a.NSL.sh\r\n\r\n", "GET", "/p?q", "A.nsl.sh:80", Version.HTTP_1_1, NONE, id="absolute-form"),
        pytest.param(b"GET https://a.nsl.sh HTTP/1.1\r\nHost: a.nsl.sh:443\r\n\r\n", "GET", "/", "a.nsl.sh", Version.HTTP_1_1, NONE, id="absolute-form without path"),
        pytest.param(b"GET http://a.nsl.sh?q HTTP/1.1\r\nHost: a.nsl.sh\r\n\r\n", "GET", "/?q", "a.nsl.sh", Version.HTTP_1_1, NONE, id="absolute-form with query only"),
        pytest.param(b"OPTIONS http://a.nsl.sh HTTP/1.1\r\nHost: a.nsl.sh\r\n\r\n", "OPTIONS", "*", "a.nsl.sh", Version.HTTP_1_1, NONE, id="absolute-form OPTIONS of the server"),
        pytest.param(b"GET http://a.nsl.sh/ HTTP/1.0\r\n\r\n", "GET", "/", "a.nsl.sh", Version.HTTP_1_0, NONE, id="absolute-form in 1.0 without host"),
        pytest.param(get(b"Content-Length: 0\r\n"), "GET", "/", "a.nsl.sh", Version.HTTP_1_1, Body(Framing.LENGTH, 0), id="GET of length 0"),
        pytest.param(get(b"Content-Length: 5\r\n"), "GET", "/", "a.nsl.sh", Version.HTTP_1_1, Body(Framing.LENGTH, 5), id="GET with a body"),
        pytest.param(post(b"content-length: \t0012 \r\n"), "POST", "/", "a.nsl.sh", Version.HTTP_1_1, Body(Framing.LENGTH, 12), id="length with whitespace around"),
        pytest.param(post(b"Content-Length: 9999999999999999999\r\n"), "POST", "/", "a.nsl.sh", Version.HTTP_1_1, Body(Framing.LENGTH, 9999999999999999999), id="19 digits"),
        pytest.param(post(b"Transfer-Encoding: Chunked\r\n"), "POST", "/", "a.nsl.sh", Version.HTTP_1_1, CHUNKED, id="chunked in any case"),
        pytest.param(get(b"X-Tab: a\tb\xff\r\nX-Empty:\r\nal_ice: 1\r\n"), "GET", "/", "a.nsl.sh", Version.HTTP_1_1, NONE, id="tab, obs-text, empty value, underscore"),
        pytest.param(get(b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nConnection: Upgrade\r\n"), "GET", "/", "a.nsl.sh", Version.HTTP_1_1, NONE, id="h2c is stripped later"),
        pytest.param(post(b"Content-Length: 1\r\nExpect: 100-Continue\r\n"), "POST", "/", "a.nsl.sh", Version.HTTP_1_1, Body(Framing.LENGTH, 1), id="expect"),
    ],
)  # fmt: skip
def test_a_valid_head_is_read(
    *, raw: bytes, method: str, target: str, authority: str, version: Version, body: Body
) -> None:
    head = parse_http1(raw, LIMITS)
    assert isinstance(head, RequestHead), head
    assert (head.method, head.target, head.authority, head.version, head.body) == (
        method,
        target,
        authority,
        version,
        body,
    )


BAD = Failure.BAD_REQUEST


@pytest.mark.parametrize(
    ("raw", "failure"),
    [
        pytest.param(b"", BAD, id="nothing"),
        pytest.param(b"\r\n\r\n", BAD, id="only empty lines"),
        pytest.param(b"\r\n\r\n" + get(), BAD, id="two empty lines before"),
        pytest.param(b"\n" + get(), BAD, id="bare LF before"),
        pytest.param(get()[:-2], BAD, id="no empty line at the end"),
        pytest.param(get() + b"more\r\n\r\n", BAD, id="empty line within"),
        pytest.param(get().replace(b"\r\n", b"\n"), BAD, id="B5 bare LF everywhere"),
        pytest.param(get(b"X: y\nTransfer-Encoding: chunked\r\n"), BAD, id="B5 bare LF in a value"),
        pytest.param(get(b"X: y\rTransfer-Encoding: chunked\r\n"), BAD, id="B5 bare CR in a value"),
        pytest.param(get(b"X: y\r\r\n"), BAD, id="B5 bare CR at the end"),
        pytest.param(get(b"X: y\x00\r\n"), BAD, id="B5 NUL in a value"),
        pytest.param(get(b"X: y\x0b\r\n"), BAD, id="B5 VT in a value"),
        pytest.param(get(b"X: y\x7f\r\n"), BAD, id="B5 DEL in a value"),
        pytest.param(get(b"X: y\r\n z\r\n"), BAD, id="B5 fold with a space"),
        pytest.param(get(b"X: y\r\n\tz: 1\r\n"), BAD, id="B5 fold with a tab"),
        pytest.param(b"GET / HTTP/1.1\r\n Host: b\r\n\r\n", BAD, id="B5 fold before the first field"),
        pytest.param(get(b"X : y\r\n"), BAD, id="space before the colon"),
        pytest.param(get(b"X\x00: y\r\n"), BAD, id="NUL in a name"),
        pytest.param(get(b"X\xff: y\r\n"), BAD, id="high byte in a name"),
        pytest.param(get(b"X(y): z\r\n"), BAD, id="name that is no token"),
        pytest.param(get(b": y\r\n"), BAD, id="no name"),
        pytest.param(get(b"X\r\n"), BAD, id="no colon"),
        pytest.param(b"GET  / HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="B6 two spaces"),
        pytest.param(b"GET\t/ HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="B6 tab in the request line"),
        pytest.param(b"GET /\x0b HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="B6 VT in the request line"),
        pytest.param(b" GET / HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="B6 space before"),
        pytest.param(b"GET / HTTP/1.1 \r\nHost: b\r\n\r\n", BAD, id="B6 space behind"),
        pytest.param(b"GET /\r\nHost: b\r\n\r\n", BAD, id="HTTP/0.9"),
        pytest.param(b"GET / HTTP/9.9\r\nHost: b\r\n\r\n", BAD, id="B6 HTTP/9.9"),
        pytest.param(b"GET / HTTP/1.2\r\nHost: b\r\n\r\n", BAD, id="HTTP/1.2"),
        pytest.param(b"GET / http/1.1\r\nHost: b\r\n\r\n", BAD, id="version in lower case"),
        pytest.param(b"GET / HTTP/1.10\r\nHost: b\r\n\r\n", BAD, id="version with more digits"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\n", BAD, id="HTTP/2 preface"),
        pytest.param(b"get / HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="method in lower case"),
        pytest.param(b"G@T / HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="method with a stranger"),
        pytest.param(b"G" * 33 + b" / HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="method of 33 letters"),
        pytest.param(b"GET /a b HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="space in the target"),
        pytest.param(b"GET /#a HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="fragment"),
        pytest.param(b"GET /\xc3\xbc HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="high byte in the target"),
        pytest.param(b"GET /\x7f HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="DEL in the target"),
        pytest.param(b"GET * HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="asterisk without OPTIONS"),
        pytest.param(b"GET x HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="relative target"),
        pytest.param(b"GET ?q HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="query alone"),
        pytest.param(b"GET b:80 HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="authority-form without CONNECT"),
        pytest.param(b"GET ftp://b/ HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="absolute-form of another scheme"),
        pytest.param(b"GET http:///x HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="absolute-form without authority"),
        pytest.param(b"GET http://b/ HTTP/1.1\r\nHost: c\r\n\r\n", BAD, id="A9 target and host disagree"),
        pytest.param(b"GET http://b:8080/ HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="A9 target and host disagree in the port"),
        pytest.param(b"GET https://b:80/ HTTP/1.1\r\nHost: b\r\n\r\n", BAD, id="A9 80 is not the port of https"),
        pytest.param(b"GET http://b/ HTTP/1.1\r\nHost:\r\n\r\n", BAD, id="A9 target and empty host"),
        pytest.param(b"GET http://b/ HTTP/1.1\r\n\r\n", BAD, id="absolute-form without host"),
        pytest.param(b"GET http://u:p@b/ HTTP/1.1\r\nHost: u:p@b\r\n\r\n", BAD, id="user in the target"),
        pytest.param(b"GET http://u@b/ HTTP/1.0\r\n\r\n", BAD, id="user in the target of 1.0"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: u@b\r\n\r\n", BAD, id="user in the host field"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", BAD, id="B6 no host"),
        pytest.param(get(b"host: a.nsl.sh\r\n"), BAD, id="B6 two hosts"),
        pytest.param(b"GET / HTTP/1.0\r\nHost: b\r\nHost: b\r\n\r\n", BAD, id="two hosts in 1.0"),
        pytest.param(post(b"Content-Length: 5\r\nContent-Length: 5\r\n"), BAD, id="two equal lengths"),
        pytest.param(post(b"Content-Length: 5, 5\r\n"), BAD, id="two lengths in one"),
        pytest.param(post(b"Content-Length: +5\r\n"), BAD, id="length with a plus"),
        pytest.param(post(b"Content-Length: -5\r\n"), BAD, id="length with a minus"),
        pytest.param(post(b"Content-Length: 0x5\r\n"), BAD, id="length in hex"),
        pytest.param(post(b"Content-Length: 1_0\r\n"), BAD, id="length as Python reads it"),
        pytest.param(post(b"Content-Length:\r\n"), BAD, id="empty length"),
        pytest.param(post(b"Content-Length: 10000000000000000000\r\n"), BAD, id="20 digits"),
        pytest.param(post(b"Content-Length: \xd9\xa5\r\n"), BAD, id="digits of another script"),
        pytest.param(post(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), BAD, id="CL.TE"),
        pytest.param(post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), BAD, id="TE.TE"),
        pytest.param(post(b"Transfer-Encoding: gzip, chunked\r\n"), BAD, id="gzip, chunked"),
        pytest.param(post(b"Transfer-Encoding: identity\r\n"), BAD, id="identity"),
        pytest.param(post(b"Transfer-Encoding: xchunked\r\n"), BAD, id="xchunked"),
        pytest.param(post(b"Transfer-Encoding:\r\n"), BAD, id="empty coding"),
        pytest.param(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", BAD, id="chunked in 1.0"),
        pytest.param(post(b"Expect: 200-ok\r\n"), BAD, id="expectation nobody knows"),
        pytest.param(b"CONNECT b:443 HTTP/1.1\r\nHost: b\r\n\r\n", Failure.METHOD_NOT_ALLOWED, id="CONNECT"),
        pytest.param(b"TRACE / HTTP/1.1\r\nHost: b\r\n\r\n", Failure.METHOD_NOT_ALLOWED, id="TRACE"),
        pytest.param(b"GET /" + b"a" * 1024 + b" HTTP/1.1\r\nHost: b\r\n\r\n", Failure.URI_TOO_LONG, id="C5 target over the limit"),
        pytest.param(b"GET /" + b"a" * 5000, Failure.URI_TOO_LONG, id="C5 target without end"),
        pytest.param(get(b"X: " + b"a" * 4096 + b"\r\n"), Failure.HEADERS_TOO_LARGE, id="C5 head over the limit"),
        pytest.param(get(b"X: " + b"a" * 4096)[:-2], Failure.HEADERS_TOO_LARGE, id="C5 line without end"),
        pytest.param(b"A" * 5000, Failure.HEADERS_TOO_LARGE, id="C5 no line at all"),
        pytest.param(get(b"X: y\r\n" * 20), Failure.HEADERS_TOO_LARGE, id="C5 fields over the limit"),
    ],
)  # fmt: skip
def test_an_invalid_head_is_rejected(raw: bytes, failure: Failure) -> None:
    rejection = parse_http1(raw, LIMITS)
    assert isinstance(rejection, Rejection), rejection
    assert rejection.failure is failure
    assert rejection.reason


@pytest.mark.parametrize(
    ("raw", "accepted"),
    [
        pytest.param(get(b"X: y\r\n" * 19), True, id="as many fields as the limit"),
        pytest.param(b"GET /" + b"a" * 1023 + b" HTTP/1.1\r\nHost: b\r\n\r\n", True, id="target as long as the limit"),
        pytest.param(
            get(b"X: " + b"a" * (4096 - len(get(b"X: \r\n"))) + b"\r\n"), True, id="head as large as the limit"
        ),
        pytest.param(get(b"X: " + b"a" * (4097 - len(get(b"X: \r\n"))) + b"\r\n"), False, id="one byte more"),
    ],
)
def test_limits_are_inclusive(raw: bytes, accepted: bool) -> None:
    assert isinstance(parse_http1(raw, LIMITS), RequestHead) is accepted


@pytest.mark.parametrize("byte", [*range(0x09), *range(0x0A, 0x20), 0x7F])
def test_no_control_byte_but_tab_passes_anywhere(byte: int) -> None:
    stray = bytes([byte])
    for raw in (
        get(b"X: a" + stray + b"b\r\n"),
        get(b"X" + stray + b": a\r\n"),
        get().replace(b"GET /", b"GET /" + stray),
    ):
        assert isinstance(parse_http1(raw, LIMITS), Rejection), raw


def test_a_reason_is_short_and_printable() -> None:
    rejection = parse_http1(get(b"\x1b[31m\x00\xff" * 100 + b"\r\n"), LIMITS)
    assert isinstance(rejection, Rejection)
    assert len(rejection.reason) <= 200
    assert rejection.reason.isascii()
    assert rejection.reason.isprintable()


def test_a_password_in_the_authority_is_not_logged() -> None:
    rejection = parse_http1(b"GET / HTTP/1.1\r\nHost: u:geheim@b\r\n\r\n", LIMITS)
    assert isinstance(rejection, Rejection)
    assert "geheim" not in rejection.reason


def test_fields_are_kept_as_received_and_asked_for_in_any_case() -> None:
    head = http1("X-Two: 1", "x-TWO:  2 ")
    assert head.fields == ((b"Host", b"alice.nsl.sh"), (b"X-Two", b"1"), (b"x-TWO", b"2"))
    assert head.values(b"X-two") == [b"1", b"2"]
    assert (head.first(b"x-tWo"), head.only(b"x-two")) == (b"1", None)
    assert (head.first(b"missing"), head.only(b"missing"), head.values(b"missing")) == (None, None, [])
    assert head.only(b"HOST") == b"alice.nsl.sh"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param(http1("Expect: 100-continue", "Content-Length: 1", request_line="PUT / HTTP/1.1"), True, id="length"),
        pytest.param(http1("Expect: 100-continue", "Transfer-Encoding: chunked", request_line="PUT / HTTP/1.1"), True, id="chunked"),
        pytest.param(http1("Expect: 100-continue", "Content-Length: 0", request_line="PUT / HTTP/1.1"), False, id="nothing to wait for"),
        pytest.param(http1("Expect: 100-continue"), False, id="no body"),
        pytest.param(http1("Expect: 100-continue", "Content-Length: 1", request_line="PUT / HTTP/1.0"), False, id="1.0"),
        pytest.param(http1("Content-Length: 1", request_line="PUT / HTTP/1.1"), False, id="not asked"),
    ],
)  # fmt: skip
def test_100_continue_is_expected_only_before_a_body(head: RequestHead, expected: bool) -> None:
    assert head.expects_continue is expected
