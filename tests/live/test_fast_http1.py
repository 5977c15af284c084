"""What an attack on the fast path's HTTP/1 found, each with its story."""

import asyncio
import contextlib
import hashlib
import socket
import struct
from pathlib import Path

import pytest

from tests.live.onlookers import TAPPING, write
from tests.live.test_paths import tap, via
from tests.rig.call import Call
from tests.rig.certificates import Authority
from tests.rig.http1_client import request_head
from tests.rig.patience import eventually
from tests.rig.ports import LOOPBACK
from tests.rig.samples import total
from tests.rig.world import World, world

pytestmark = pytest.mark.chooses_its_way

HANDSHAKE = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]


async def talk(call: Call) -> None:
    """Take the upgrade, and speak for as long as somebody listens."""
    call.keep = False
    await call.head(101, ("Connection", "Upgrade"), ("Upgrade", "websocket"))
    with contextlib.suppress(ConnectionError):
        while True:
            await call.send(b"word")
            await asyncio.sleep(0.05)


async def in_flight(place: World) -> float:
    """Requests that are not over, but for the one that asks."""
    return total(await place.gateway.metrics(), "gateway_exchanges_in_flight") - 1


@pytest.mark.parametrize("ending", ["leaves", "resets"])
async def test_a_tunnel_whose_client_has_half_closed_is_over_when_it_is_gone(
    tmp_path: Path, authority: Authority, ending: str
) -> None:
    """The socket's end told nobody, for the client had said its last word before."""
    async with world(tmp_path, authority, TRAFFIC_PATH="fast") as place:
        host, _ = await place.new_tenant("talks", talk)
        reader, writer = await asyncio.open_connection(LOOPBACK, place.gateway.port)
        writer.write(request_head("GET", "/", [("Host", host), *HANDSHAKE]))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        writer.write_eof()
        await asyncio.sleep(0.1)
        if ending == "resets":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()
        async with asyncio.timeout(5):
            while await in_flight(place):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("size", [70_000, 130_000, 250_000])
async def test_a_connection_changes_over_with_the_body_it_has_read(
    tmp_path: Path, authority: Authority, size: int
) -> None:
    """The reading was stopped for bytes that had just been handed over, and never went on."""
    script = write(tmp_path / "scripts", "tapping", TAPPING)
    async with world(tmp_path, authority, options=("-s", script), TRAFFIC_PATH="auto") as place:
        host, _ = await place.new_tenant("alice")
        await tap(place, "alice")
        body = bytes(size)
        async with place.connect() as client:
            await client.send(request_head("PUT", "/", [("Host", host), ("Content-Length", str(size))]) + body)
            answer = await client.answer("PUT")
        assert answer.json["sha256"] == hashlib.sha256(body).hexdigest()
        assert await via(place, answer) == "flow"


async def test_an_upload_in_tiny_chunks_arrives_whole(tmp_path: Path, authority: Authority) -> None:
    """Each chunk was a piece of work for both sides; now all of one read are one, and others get their turn."""
    async with world(tmp_path, authority, TRAFFIC_PATH="fast") as place:
        host, origin = await place.new_tenant("tiny")
        async with place.connect() as client:
            await client.send(request_head("PUT", "/", [("Host", host), ("Transfer-Encoding", "chunked")]))
            await client.send(b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n")
            answer = await client.answer("PUT")
        assert answer.json["sha256"] == hashlib.sha256(b"x" * 20_000).hexdigest()
        await eventually(lambda: origin.last.complete, "the upstream has all of it")
