"""Laws of upgrades: WebSockets pass, nothing else does (CONTRACT parts 5 and 7)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from wsproto.events import CloseConnection, Ping, Pong

from tests.rig import behaviours
from tests.rig.api import route
from tests.rig.certificates import Authority
from tests.rig.http1_client import request_head
from tests.rig.payload import MIB, blocks
from tests.rig.ports import dead_port
from tests.rig.websocket_client import WebSocket
from tests.rig.websocket_origin import echo_websocket
from tests.rig.world import World, world

KEY = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
HANDSHAKE = (KEY, ("Sec-WebSocket-Version", "13"))
UPGRADE = (("Connection", "Upgrade"), ("Upgrade", "websocket"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("websocket"), authority) as here:
        yield here


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_messages_pass_in_both_directions(place: World, secure: bool) -> None:
    host, origin = await place.new_tenant(f"chat{secure}".lower(), echo_websocket)
    port = place.gateway.tls_port if secure else place.gateway.port
    tls = place.authority.trusting("http/1.1") if secure else None
    async with WebSocket.connect(port, host, "/chat?room=1", "v2.chat", tls) as socket:
        assert (await socket.accepted()).subprotocol == "v2.chat"
        assert [await socket.exchange(text) for text in ("hello", "", "\N{SNOWMAN}" * 1000)] == [
            "hello",
            "",
            "\N{SNOWMAN}" * 1000,
        ]
        assert await socket.exchange(b"\x00\xff") == b"\x00\xff"
    assert origin.last.target == "/chat?room=1"
    assert (origin.last.one("upgrade").lower(), origin.last.one("connection").lower()) == ("websocket", "upgrade")
    assert origin.last.one("x-forwarded-proto") == ("https" if secure else "http")


async def test_a_large_message_arrives_whole(place: World) -> None:
    host, _ = await place.new_tenant("large", echo_websocket)
    message = b"".join(blocks(4 * MIB))
    async with WebSocket.connect(place.gateway.port, host) as socket:
        await socket.accepted()
        assert await socket.exchange(message) == message


async def test_a_ping_is_answered_by_the_far_side(place: World) -> None:
    host, origin = await place.new_tenant("ping", echo_websocket)
    async with WebSocket.connect(place.gateway.port, host) as socket:
        await socket.accepted()
        await socket.send(Ping(payload=b"mark"))
        pong = await socket.expect()
        assert isinstance(pong, Pong)
        assert bytes(pong.payload) == b"mark"
    assert len(origin.arrivals) == 1


async def test_a_close_and_its_code_pass(place: World) -> None:
    host, _ = await place.new_tenant("close", echo_websocket)
    async with WebSocket.connect(place.gateway.port, host) as socket:
        await socket.accepted()
        await socket.send(CloseConnection(code=4321, reason="bye"))
        assert await socket.closed() == 4321


async def test_when_one_side_vanishes_the_other_is_told(place: World) -> None:
    host, origin = await place.new_tenant("vanish", echo_websocket)
    async with WebSocket.connect(place.gateway.port, host) as socket:
        await socket.accepted()
        await origin.stop()
        assert await socket.closed() == 1006


async def test_a_refused_handshake_is_passed_on_and_the_connection_lives(place: World) -> None:
    host, _ = await place.new_tenant("refusing", behaviours.once(behaviours.refuse_upgrade))
    async with place.connect() as client:
        answer = await client.ask("GET", host, "/", *HANDSHAKE, *UPGRADE)
        assert (answer.status, answer.text) == (403, "no upgrade here")
        assert (await client.ask("GET", host)).status == 200


async def test_a_websocket_takes_the_second_route_when_the_first_is_dead(place: World) -> None:
    origin = await place.origin("second", echo_websocket)
    with dead_port() as dead:
        host = place.tenant("failing", route(dead), route(origin.port, priority=2))
        async with WebSocket.connect(place.gateway.port, host) as socket:
            await socket.accepted()
            assert await socket.exchange("over there") == "over there"


async def test_a_handshake_to_an_unknown_tenant_is_answered_plainly(place: World) -> None:
    async with WebSocket.connect(place.gateway.port, "nobody.example.com") as socket:
        assert await socket.rejected() == 404


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(
            (("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__")),
            id="h2c",
        ),
        pytest.param(
            (("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "H2C"), ("HTTP2-Settings", "AAMAAABkAAQAAP__")),
            id="H2C",
        ),
        pytest.param((("Connection", "Upgrade"), ("Upgrade", "TLS/1.0")), id="TLS"),
        pytest.param((("Upgrade", "websocket"), *HANDSHAKE), id="not named in Connection"),
    ],
)
async def test_no_other_upgrade_is_passed_on(
    place: World, fields: tuple[tuple[str, str], ...], request: pytest.FixtureRequest
) -> None:
    tenant = (
        "upgrade"
        + "".join(filter(str.isalnum, request.node.callspec.id)).lower()
        + str("H2C" in request.node.callspec.id).lower()
    )
    host, origin = await place.new_tenant(tenant)
    async with place.connect() as client:
        answer = await client.ask("GET", host, "/", *fields)
        assert answer.status in {200, 400}
        if answer.status == 200:
            assert not origin.last.has("upgrade")
            assert not origin.last.has("http2-settings")
            assert (await client.ask("GET", host)).status == 200


async def test_an_upstream_that_switches_unasked_is_an_error(place: World) -> None:
    host, _ = await place.new_tenant("switcher", behaviours.interim(101))
    answer = await place.ask("GET", host)
    assert (answer.status, answer.code) == (502, "UPSTREAM_PROTOCOL")


async def test_a_tunnel_stays_open_while_bytes_flow_and_is_counted(place: World) -> None:
    host, _ = await place.new_tenant("counted", echo_websocket)
    async with WebSocket.connect(place.gateway.port, host) as socket:
        await socket.accepted()
        for _ in range(5):
            assert await socket.exchange("tick") == "tick"
            await asyncio.sleep(0.1)
        await socket.send(CloseConnection(code=1000))
        assert await socket.closed() == 1000
    await asyncio.sleep(0.3)
    lines = [line for line in place.gateway.access_log if line["tenant"] == "counted"]
    assert [(line["status"], line["upgrade"]) for line in lines] == [(101, "websocket")]


async def test_a_trusted_peer_can_stand_for_a_missing_upgrade(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> None:
    async with world(tmp_path_factory.mktemp("edge"), authority, TRUSTED_PROXIES="127.0.0.0/8") as here:
        host, origin = await here.new_tenant("edge", echo_websocket)
        async with here.connect() as client:
            await client.send(request_head("GET", "/", [("Host", host), *HANDSHAKE, ("X-Mesh-WebSocket", "1")]))
            assert await client.status() == 101
    assert origin.last.one("upgrade").lower() == "websocket"
    assert not origin.last.has("x-mesh-websocket")


async def test_a_stranger_cannot(place: World) -> None:
    host, origin = await place.new_tenant("stranger")
    assert (await place.ask("GET", host, "/", *HANDSHAKE, ("X-Mesh-WebSocket", "1"))).status == 200
    assert not origin.last.has("upgrade")
