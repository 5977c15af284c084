"""Laws of the stand-ins: a rig that does not see what was sent would make every live test vacuous."""

import asyncio
import hashlib

import h11
import pytest

from tests.rig import behaviours
from tests.rig.call import Behaviour
from tests.rig.certificates import Authority
from tests.rig.http1_client import ConnectionEndedError, Http1
from tests.rig.http2_client import Http2
from tests.rig.listener import Listener
from tests.rig.origin import Origin
from tests.rig.payload import BLOCK_SIZE, MIB, blocks, digest_of
from tests.rig.ports import black_hole, dead_port
from tests.rig.websocket_client import WebSocket
from tests.rig.websocket_origin import echo_websocket

HEAD = b"POST /a?b=c HTTP/1.1\r\nHoSt:  x \r\nX_Odd: 1\r\nContent-Length: 5\r\n\r\n"


async def test_the_origin_records_raw_bytes_names_and_body() -> None:
    async with Origin() as origin, Http1.connect(origin.port) as client:
        await client.send(HEAD + b"hello")
        answer = await client.answer()
    assert origin.last.raw_head == HEAD
    assert origin.wire == HEAD + b"hello"
    assert origin.last.fields[:2] == [("HoSt", "x"), ("X_Odd", "1")]
    assert answer.json["sha256"] == hashlib.sha256(b"hello").hexdigest()


async def test_the_origin_sees_a_second_request_hidden_behind_the_first() -> None:
    hidden = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
    async with Origin() as origin, Http1.connect(origin.port) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" + hidden)
        assert [(await client.answer()).json["target"] for _ in range(2)] == ["/", "/hidden"]
    assert [arrival.target for arrival in origin.arrivals] == ["/", "/hidden"]


async def test_the_wire_shows_what_never_became_a_request() -> None:
    async with Origin() as origin, Http1.connect(origin.port) as client:
        await client.ask("GET", "x")
        await client.send(b"GET /unfinished")
        await asyncio.sleep(0.05)
        assert b"/unfinished" in origin.wire
        assert len(origin.arrivals) == 1


async def test_a_chunked_body_is_decoded_and_its_trailers_kept() -> None:
    async with Origin() as origin, Http1.connect(origin.port) as client:
        await client.send(
            b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;q=1\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
        )
        assert (await client.answer()).json["size"] == 3
    assert origin.last.trailers == [("X-T", "1")]
    assert origin.last.complete


async def test_an_upload_cut_short_is_not_complete() -> None:
    async with Origin() as origin:
        async with Http1.connect(origin.port) as client:
            await client.send(HEAD + b"he")
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)
        assert (origin.last.complete, origin.last.body.size) == (False, 2)


async def test_a_changed_block_changes_the_digest() -> None:
    pieces = list(blocks(3 * BLOCK_SIZE + 5))
    assert sum(map(len, pieces)) == 3 * BLOCK_SIZE + 5
    assert digest_of(3 * BLOCK_SIZE) != hashlib.sha256(b"".join([pieces[1], pieces[0], pieces[2]])).hexdigest()


@pytest.mark.parametrize(
    ("behaviour", "status", "size", "whole"),
    [
        pytest.param(behaviours.download(MIB), 200, MIB, True, id="a length"),
        pytest.param(behaviours.chunked(MIB, ("X-T", "1")), 200, MIB, True, id="chunks and trailers"),
        pytest.param(behaviours.until_close(MIB), 200, MIB, True, id="until close"),
        pytest.param(behaviours.cut(MIB, 1000), 200, 1000, False, id="cut before its length"),
        pytest.param(behaviours.cut_chunked(1000), 200, 1000, False, id="cut before its last chunk"),
        pytest.param(behaviours.trickle(b"slow", 0.01), 200, 4, True, id="byte by byte"),
        pytest.param(behaviours.too_large, 413, 9, True, id="an early 413"),
        pytest.param(behaviours.status(204), 204, 0, True, id="no content"),
        pytest.param(behaviours.status(304), 304, 0, True, id="not modified"),
        pytest.param(behaviours.big_head(30_000), 200, 0, True, id="a big head"),
        pytest.param(behaviours.echo, 200, 5, True, id="echo"),
        pytest.param(behaviours.refuse_upgrade, 403, 15, True, id="no upgrade"),
    ],
)
async def test_a_behaviour_is_seen_as_it_is(behaviour: Behaviour, status: int, size: int, whole: bool) -> None:
    async with Origin(behaviour=behaviour) as origin, Http1.connect(origin.port) as client:
        await client.send(HEAD + b"hello")
        answer = await client.answer()
    assert (answer.status, answer.tally.size, answer.whole) == (status, size, whole)


@pytest.mark.parametrize("behaviour", [behaviours.reset, behaviours.hang_up], ids=["reset", "hang up"])
async def test_no_answer_is_an_error(behaviour: Behaviour) -> None:
    async with Origin(behaviour=behaviour) as origin, Http1.connect(origin.port) as client:
        with pytest.raises(ConnectionEndedError):
            await client.ask("GET", "x")


async def test_an_answer_that_is_no_http_is_an_error() -> None:
    async with Origin(behaviour=behaviours.garbage) as origin, Http1.connect(origin.port) as client:
        with pytest.raises(h11.RemoteProtocolError):
            await client.ask("GET", "x")


async def test_interim_answers_are_kept_apart() -> None:
    async with Origin(behaviour=behaviours.interim(100, 103)) as origin, Http1.connect(origin.port) as client:
        answer = await client.ask("GET", "x")
    assert (answer.interim, answer.status) == ([100, 103], 200)


async def test_over_tls_the_server_name_and_http2_pseudo_fields_are_recorded(authority: Authority) -> None:
    tls = authority.serving("alice.example.com", alpn=("h2", "http/1.1"))
    async with Origin(tls=tls) as origin:
        async with Http2.connect(origin.port, authority.trusting("h2"), "alice.example.com") as client:
            stream = client.begin("POST", "alice.example.com", "/x", ("x-a", "1"))
            await client.send(stream, blocks(MIB), trailers=[("x-t", "1")])
            answer = await client.answer(stream)
        assert answer.json["sha256"] == digest_of(MIB)
        assert origin.last.one(":authority") == origin.last.server_name == "alice.example.com"
        assert origin.last.trailers == [("x-t", "1")]
        async with Http1.connect(origin.port, tls=authority.trusting(), sni="alice.example.com") as client1:
            assert (await client1.ask("GET", "alice.example.com")).json["version"] == "HTTP/1.1"
        assert origin.last.server_name == "alice.example.com"


async def test_a_websocket_echoes_and_closes() -> None:
    async with Origin(behaviour=echo_websocket) as origin, WebSocket.connect(origin.port, "x") as socket:
        await socket.accepted()
        assert await socket.exchange("hello") == "hello"


async def test_a_dead_port_refuses_and_a_black_hole_does_not_answer() -> None:
    with dead_port() as dead, pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", dead)
    with black_hole() as silent, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await asyncio.open_connection("127.0.0.1", silent)


async def test_a_stopped_server_refuses_and_comes_back_on_its_port() -> None:
    server: Listener = await Origin().start()
    port = server.port
    await server.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    async with server:
        assert server.port == port
