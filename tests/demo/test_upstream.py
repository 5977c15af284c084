"""Does the demo's upstream show what reached it, to programs, people and WebSockets?"""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from wsproto import WSConnection
from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Event, Ping, Pong, Request, TextMessage

from demo.upstream import upstream


@asynccontextmanager
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with (
        upstream("page") as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as asking,
    ):
        yield asking


async def test_a_program_gets_the_request_as_json() -> None:
    async with client() as asking:
        answer = await asking.post(
            "/a?b=c", content=b"12345", headers={"Host": "hello.localhost", "X-Real-IP": "10.0.0.1"}
        )
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    seen = answer.json()
    assert (seen["upstream"], seen["method"], seen["target"], seen["body_bytes"]) == ("page", "POST", "/a?b=c", 5)
    assert seen["fields"]["host"] == "hello.localhost"
    assert seen["fields"]["x-real-ip"] == "10.0.0.1"


async def test_a_field_that_came_twice_is_shown_as_one_list() -> None:
    async with client() as asking:
        answer = await asking.get("/", headers=[("X-Forwarded-For", "10.0.0.1"), ("X-Forwarded-For", "10.0.0.2")])
    assert answer.json()["fields"]["x-forwarded-for"] == "10.0.0.1, 10.0.0.2"


async def test_a_person_gets_a_page_and_nothing_of_the_request_becomes_markup() -> None:
    async with client() as asking:
        headers = {"Accept": "text/html,*/*", "X-Request-ID": "id-1", "X-Evil": "<script>alert(1)</script>$upstream"}
        answer = await asking.get("/<b>", headers=headers)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<tr><th>x-request-id</th><td>id-1</td></tr>" in answer.text
    assert "<tr><th>x-evil</th><td>&lt;script&gt;alert(1)&lt;/script&gt;$upstream</td></tr>" in answer.text


async def test_a_body_of_unknown_length_is_counted() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 40_000

    async with client() as asking:
        assert (await asking.put("/", content=pieces())).json()["body_bytes"] == 120_000


async def test_a_head_request_has_the_length_but_not_the_body() -> None:
    async with client() as asking:
        answer = await asking.head("/")
        assert int(answer.headers["content-length"]) > 0
        assert answer.content == b""
        assert (await asking.get("/")).json()["method"] == "GET", "the connection goes on"


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    async with upstream("echo") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield reader, writer
        finally:
            writer.close()
            await writer.wait_closed()


async def test_a_client_that_waits_to_be_asked_for_its_body_is_asked() -> None:
    async with connected() as (reader, writer):
        writer.write(
            b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(b"hi")
        head, body = (await reader.read()).split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert json.loads(body)["body_bytes"] == 2


async def test_what_is_not_http_is_refused_and_closed() -> None:
    async with connected() as (reader, writer):
        writer.write(b"what?\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")


async def test_a_peer_that_hangs_up_in_a_request_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    async with connected() as (_, writer):
        writer.write(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhi")
        writer.transport.abort()
        await asyncio.sleep(0.05)
    assert caplog.records == []


async def talk(*events: Event, answers: int) -> list[Event]:
    """Say `events` over a WebSocket, all in one segment with the handshake; what comes back, as far as `answers`."""
    socket = WSConnection(ConnectionType.CLIENT)
    heard: list[Event] = []
    async with connected() as (reader, writer), asyncio.timeout(5):
        writer.write(socket.send(Request(host="echo.localhost", target="/")))
        while len(heard) < answers:
            socket.receive_data(await reader.read(65536))
            for event in socket.events():
                heard.append(event)
                if isinstance(event, AcceptConnection):
                    writer.write(b"".join(socket.send(said) for said in events))
    return heard


async def test_a_websocket_hears_its_own_words() -> None:
    heard = await talk(
        TextMessage("Grüße"), BytesMessage(b"\x00\xff"), Ping(b"?"), CloseConnection(1000, "bye"), answers=5
    )
    assert isinstance(heard[0], AcceptConnection)
    assert heard[1:] == [
        TextMessage("Grüße"),
        BytesMessage(b"\x00\xff"),
        Pong(b"?"),
        CloseConnection(1000, "bye"),
    ]


async def test_a_bad_handshake_is_refused() -> None:
    async with connected() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 400 ")


async def test_the_wished_port_is_taken_when_it_is_free_and_another_one_when_not() -> None:
    async with upstream("first") as first, upstream("second", first) as second:
        assert second != first
    async with upstream("third", first) as third:
        assert third == first
