"""Laws against smuggling: what is ambiguous is refused, and no origin ever sees a second request (HAZARDS B)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import h11
import pytest
import pytest_asyncio

from tests.rig.certificates import Authority
from tests.rig.http1_client import ConnectionEndedError
from tests.rig.http2_client import StreamBrokenError
from tests.rig.origin import Origin
from tests.rig.world import World, world

HOST = "alice.example.com"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: alice.example.com\r\nX-Hidden: 1\r\n\r\n"


def post(*lines: bytes, body: bytes = b"") -> bytes:
    """A POST with these header lines, as they are."""
    return b"\r\n".join([b"POST /first HTTP/1.1", b"Host: alice.example.com", *lines, b"", b""]) + body


CHUNKED = b"Transfer-Encoding: chunked"
REFUSED: dict[str, bytes] = {
    "CL.TE": post(b"Content-Length: 6", CHUNKED, body=b"0\r\n\r\n" + HIDDEN),
    "TE.CL": post(CHUNKED, b"Content-Length: 4", body=b"5c\r\n" + HIDDEN),
    "TE.TE, the second disguised": post(CHUNKED, b"Transfer-Encoding: cow", body=b"0\r\n\r\n" + HIDDEN),
    "TE.TE, chunked twice": post(CHUNKED, CHUNKED, body=b"0\r\n\r\n" + HIDDEN),
    "chunked is not last": post(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n" + HIDDEN),
    "xchunked": post(b"Transfer-Encoding: xchunked", body=HIDDEN),
    "chunked in quotes": post(b'Transfer-Encoding: "chunked"', body=HIDDEN),
    "chunked after a vertical tab": post(b"Transfer-Encoding: \x0bchunked", body=HIDDEN),
    "TE over HTTP/1.0": post(CHUNKED, body=b"0\r\n\r\n" + HIDDEN).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "two lengths that differ": post(b"Content-Length: 0", b"Content-Length: 7", body=HIDDEN),
    "a list of lengths": post(b"Content-Length: 0, 7", body=HIDDEN),
    "a signed length": post(b"Content-Length: +0", body=HIDDEN),
    "a negative length": post(b"Content-Length: -1", body=HIDDEN),
    "a length in hex": post(b"Content-Length: 0x0", body=HIDDEN),
    "a length with an underscore": post(b"Content-Length: 1_0", body=HIDDEN),
    "an empty length": post(b"Content-Length:", body=HIDDEN),
    "a length beyond all numbers": post(b"Content-Length: " + b"9" * 40, body=HIDDEN),
    "a bare CR in a value": post(b"X: a\rTransfer-Encoding: chunked", b"Content-Length: 0", body=HIDDEN),
    "NUL in a value": post(b"X: a\x00b", b"Content-Length: 0", body=HIDDEN),
    "a control character in a value": post(b"X: a\x01b", b"Content-Length: 0", body=HIDDEN),
    "DEL in a value": post(b"X: a\x7fb", b"Content-Length: 0", body=HIDDEN),
    "a folded line": post(b"X: a", b" Transfer-Encoding: chunked", b"Content-Length: 0", body=HIDDEN),
    "a folded first line": b"GET / HTTP/1.1\r\n X: a\r\nHost: alice.example.com\r\n\r\n" + HIDDEN,
    "bare LF line ends": post(b"Content-Length: 0", body=b"").replace(b"\r\n", b"\n") + HIDDEN,
    "one bare LF": post(b"X: a\nTransfer-Encoding: chunked", b"Content-Length: 0", body=HIDDEN),
    "a space before the colon": post(b"Content-Length : 0", body=HIDDEN),
    "a space before the colon of TE": post(b"Transfer-Encoding : chunked", b"Content-Length: 0", body=HIDDEN),
    "a line without a colon": post(b"Nonsense", b"Content-Length: 0", body=HIDDEN),
    "an empty name": post(b": x", b"Content-Length: 0", body=HIDDEN),
    "a space in a name": post(b"X Y: 1", b"Content-Length: 0", body=HIDDEN),
    "HTTP/9.9": b"GET / HTTP/9.9\r\nHost: alice.example.com\r\n\r\n",
    "HTTP/0.9": b"GET / HTTP/0.9\r\nHost: alice.example.com\r\n\r\n",
    "http/1.1": b"GET / http/1.1\r\nHost: alice.example.com\r\n\r\n",
    "no version": b"GET /\r\nHost: alice.example.com\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: alice.example.com\r\n\r\n",
    "a tab for a space": b"GET\t/ HTTP/1.1\r\nHost: alice.example.com\r\n\r\n",
    "a vertical tab in the line": b"GET /\x0bx HTTP/1.1\r\nHost: alice.example.com\r\n\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\nHost: alice.example.com\r\n\r\n",
    "a method with a colon": b"GE:T / HTTP/1.1\r\nHost: alice.example.com\r\n\r\n",
    "a target without a slash": b"GET x HTTP/1.1\r\nHost: alice.example.com\r\n\r\n",
    "a fragment in the target": b"GET /#f HTTP/1.1\r\nHost: alice.example.com\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\nX: 1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: alice.example.com\r\nHost: bob.example.com\r\n\r\n",
    "the same Host twice": b"GET / HTTP/1.1\r\nHost: alice.example.com\r\nHost: alice.example.com\r\n\r\n",
    "two hosts in one": b"GET / HTTP/1.1\r\nHost: alice.example.com, bob.example.com\r\n\r\n",
    "userinfo in Host": b"GET / HTTP/1.1\r\nHost: bob@alice.example.com\r\n\r\n",
    "absolute for another": b"GET http://bob.example.com/ HTTP/1.1\r\nHost: alice.example.com\r\n\r\n",
    "absolute with userinfo": b"GET http://bob@alice.example.com/ HTTP/1.1\r\nHost: alice.example.com\r\n\r\n",
    "absolute without Host": b"GET http://alice.example.com/ HTTP/1.1\r\n\r\n",
    "absolute ftp": b"GET ftp://alice.example.com/ HTTP/1.1\r\nHost: alice.example.com\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a star for GET": b"GET * HTTP/1.1\r\nHost: alice.example.com\r\n\r\n",
}
NOT_ALLOWED: dict[str, bytes] = {
    "CONNECT": b"CONNECT alice.example.com:443 HTTP/1.1\r\nHost: alice.example.com:443\r\n\r\n",
    "TRACE": b"TRACE / HTTP/1.1\r\nHost: alice.example.com\r\n\r\n",
}
BAD_CHUNKS: dict[str, bytes] = {
    "a size that is no number": b"zz\r\n",
    "a negative size": b"-1\r\n",
    "a size with 0x": b"0x3\r\nabc\r\n0\r\n\r\n",
    "a size with a sign": b"+3\r\nabc\r\n0\r\n\r\n",
    "a size that overflows": b"1" + b"0" * 16 + b"\r\nabc",
    "a size without end": b"0" * 100_000,
    "a bare LF after the size": b"3\nabc\r\n0\r\n\r\n",
    "a bare CR after the size": b"3\rabc\r\n0\r\n\r\n",
    "a chunk longer than its size": b"3\r\nabcd\r\n0\r\n\r\n",
    "a bare LF in an extension": b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "an extension without end": b"3;" + b"a" * 100_000,
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[tuple[World, Origin]]:
    async with world(tmp_path_factory.mktemp("smuggling"), authority) as here:
        _, alice = await here.new_tenant("alice")
        yield here, alice


@pytest.fixture
def place(shared: tuple[World, Origin]) -> World:
    return shared[0]


@pytest_asyncio.fixture(loop_scope="session")
async def origin(shared: tuple[World, Origin]) -> Origin:
    """Alice's server: its route is known and it is seen to answer, so that what does not arrive was held back."""
    place, alice = shared
    alice.forget()
    assert (await place.ask("GET", HOST)).status == 200
    assert len(alice.arrivals) == 1
    alice.forget()
    return alice


async def statuses(place: World, raw: bytes) -> list[int]:
    """Every answer to these bytes until the gateway closes, or falls silent."""
    got: list[int] = []
    async with place.connect() as client:
        await client.send(raw)
        try:
            while True:
                got.append((await client.answer("POST", seconds=1)).status)
        except (ConnectionEndedError, TimeoutError):
            return got


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
async def test_refused_with_400_and_not_passed_on(place: World, origin: Origin, raw: bytes) -> None:
    assert await statuses(place, raw) == [400]
    assert origin.wire == b""


@pytest.mark.parametrize("raw", NOT_ALLOWED.values(), ids=NOT_ALLOWED)
async def test_refused_with_400_or_405_and_not_passed_on(place: World, origin: Origin, raw: bytes) -> None:
    (status,) = await statuses(place, raw)
    assert status in {400, 405}
    assert origin.wire == b""


@pytest.mark.parametrize("chunks", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
async def test_a_body_with_a_bad_chunk_is_refused_and_never_whole(place: World, origin: Origin, chunks: bytes) -> None:
    got = await statuses(place, post(CHUNKED, body=chunks + HIDDEN))
    assert got in ([400], [])
    assert not any(arrival.complete for arrival in origin.arrivals)
    assert [arrival.target for arrival in origin.arrivals] in ([], ["/first"])


@pytest.mark.parametrize("extension", [b";a=b", b' ; a="b;c"', b";" + b"a" * 100], ids=["plain", "quoted", "long"])
async def test_a_chunk_extension_is_refused_or_taken_off(place: World, origin: Origin, extension: bytes) -> None:
    got = await statuses(place, post(CHUNKED, body=b"3%b\r\nabc\r\n0\r\n\r\n" % extension))
    assert got in ([200], [400])
    assert b";" not in origin.wire.partition(b"\r\n\r\n")[2]
    if got == [200]:
        assert (origin.last.body.size, origin.last.complete) == (3, True)


async def test_two_whole_requests_in_a_row_are_two(place: World, origin: Origin) -> None:
    assert await statuses(place, post(b"Content-Length: 2", body=b"ok") + HIDDEN) == [200, 200]
    assert [arrival.target for arrival in origin.arrivals] == ["/first", "/hidden"]


async def test_an_equal_length_twice_is_refused_or_taken_once(place: World, origin: Origin) -> None:
    got = await statuses(place, post(b"Content-Length: 2", b"Content-Length: 2", body=b"ok"))
    assert got in ([200], [400])
    assert got == [400] or origin.last.one("content-length") == "2"


async def test_an_empty_line_before_a_request_is_swallowed(place: World, origin: Origin) -> None:
    assert await statuses(place, b"\r\n" + HIDDEN) == [200]
    assert len(origin.arrivals) == 1


async def test_a_head_that_comes_in_pieces_is_one_request(place: World, origin: Origin) -> None:
    async with place.connect() as client:
        for byte in HIDDEN:
            await client.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await client.answer()).status == 200
    assert [arrival.target for arrival in origin.arrivals] == ["/hidden"]


PSEUDO = [(":method", "POST"), (":scheme", "https"), (":path", "/first"), (":authority", HOST)]
BAD_FIELDS: dict[str, list[tuple[str, str]]] = {
    "transfer-encoding": [*PSEUDO, ("transfer-encoding", "chunked")],
    "connection": [*PSEUDO, ("connection", "close")],
    "a line break in a value": [*PSEUDO, ("x", "a\r\nx-injected: 1")],
    "LF in a value": [*PSEUDO, ("x", "a\nb")],
    "NUL in a value": [*PSEUDO, ("x", "a\x00b")],
    "a line break in a name": [*PSEUDO, ("x\r\ny", "1")],
    "a colon in a name": [*PSEUDO, ("x: y", "1")],
    "an upper-case name": [*PSEUDO, ("X-Upper", "1")],
    "another host": [*PSEUDO, ("host", "bob.example.com")],
    "two lengths": [*PSEUDO, ("content-length", "0"), ("content-length", "5")],
    "a line break in the path": [
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/ HTTP/1.1\r\nx: 1"),
        (":authority", HOST),
    ],
    "a space in the path": [(":method", "GET"), (":scheme", "https"), (":path", "/a b"), (":authority", HOST)],
    "a path without a slash": [(":method", "GET"), (":scheme", "https"), (":path", "x"), (":authority", HOST)],
    "an absolute path": [(":method", "GET"), (":scheme", "https"), (":path", "http://evil.org/"), (":authority", HOST)],
    "a space in the method": [(":method", "GET /x"), (":scheme", "https"), (":path", "/"), (":authority", HOST)],
    "userinfo": [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "bob@" + HOST)],
    "two paths": [*PSEUDO[:2], (":path", "/a"), (":path", "/b"), PSEUDO[3]],
    "no path": [PSEUDO[0], PSEUDO[1], PSEUDO[3]],
    "an empty path": [PSEUDO[0], PSEUDO[1], (":path", ""), PSEUDO[3]],
    "a pseudo-field after others": [("x", "1"), *PSEUDO],
    "an unknown pseudo-field": [*PSEUDO, (":x", "1")],
}


@pytest.mark.parametrize("fields", BAD_FIELDS.values(), ids=BAD_FIELDS)
async def test_over_http2_refused_and_not_passed_on(
    place: World, origin: Origin, fields: list[tuple[str, str]]
) -> None:
    async with place.connect_http2(HOST) as client:
        stream = client.begin_raw(fields)
        status: int | None = None
        with contextlib.suppress(StreamBrokenError):
            status = (await client.answer(stream)).status
    assert status in {400, None}
    assert origin.wire == b""


async def test_garbage_is_answered_or_closed_and_costs_nothing(place: World, origin: Origin) -> None:
    for raw in (b"\x00" * 100, b"\xff\xfe\r\n\r\n", b"HELLO\r\n\r\n", b"SSH-2.0-x\r\n", b"\x16\x03\x01"):
        async with place.connect() as client:
            await client.send(raw)
            client.send_end()
            try:
                assert (await client.answer()).status == 400
            except (ConnectionEndedError, h11.RemoteProtocolError):
                assert await client.at_end()
    assert origin.wire == b""
    assert (await place.ask("GET", HOST)).status == 200
