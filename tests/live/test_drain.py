"""Laws of the end: what runs at SIGTERM is finished, nothing new begins, and the end comes in time (FAULTS 32)."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rig import behaviours
from tests.rig.answer import Answer
from tests.rig.certificates import Authority
from tests.rig.http1_client import Http1, request_head
from tests.rig.patience import eventually
from tests.rig.ports import listens
from tests.rig.samples import total
from tests.rig.websocket_client import WebSocket
from tests.rig.websocket_origin import echo_websocket
from tests.rig.world import World, world

on_both_paths = pytest.mark.parametrize("path", ["fast", "flow"])
DOWNLOADS, UPLOADS = 20, 5
BODY = b"0123456789"
STEP = 0.1
DRAIN = 3.0
PROCESS_ENDS = 1.5
"""What mitmproxy and the interpreter take after the last exchange, and a busy machine."""


@dataclass(slots=True)
class Work:
    """Exchanges under way."""

    downloads: "asyncio.Future[list[Answer]]"
    uploads: list[Http1]
    socket: WebSocket

    async def finish(self) -> list[Answer]:
        """Let all come to their ends, and give the answers."""
        for client in self.uploads:
            await client.send(BODY[5:])
        return [*await self.downloads, *[await client.answer("PUT") for client in self.uploads]]


@contextlib.asynccontextmanager
async def busy(here: World) -> AsyncIterator[Work]:
    """Downloads, uploads and a WebSocket, all half done."""
    down, _ = await here.new_tenant("down", behaviours.trickle(BODY, STEP))
    up, origin = await here.new_tenant("up")
    chat, _ = await here.new_tenant("chat", echo_websocket)
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(here.connect()) for _ in range(DOWNLOADS)]
        uploads = [await stack.enter_async_context(here.connect()) for _ in range(UPLOADS)]
        socket = await stack.enter_async_context(WebSocket.connect(here.gateway.port, chat))
        await socket.accepted()
        for client in uploads:
            await client.send(request_head("PUT", "/", [("Host", up), ("Content-Length", "10")]) + BODY[:5])
        downloads = asyncio.gather(*(client.ask("GET", down) for client in readers))
        await eventually(lambda: len(origin.arrivals) == UPLOADS, "the uploads arrive")
        await in_flight(here, DOWNLOADS + UPLOADS + 1)
        yield Work(downloads, uploads, socket)


async def in_flight(here: World, count: int) -> None:
    """Returns once so many requests are in flight, beside the one that asks."""
    async with asyncio.timeout(5):
        while total(await here.gateway.metrics(), "gateway_exchanges_in_flight") != count + 1:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.02)


async def refused(port: int) -> None:
    """Returns once nobody listens there."""
    await eventually(lambda: not listens(port), f"port {port} is closed", 2)
    with pytest.raises(ConnectionRefusedError):
        async with Http1.connect(port):
            pass


async def test_what_runs_is_finished_and_a_websocket_is_cut_when_the_time_is_over(
    tmp_path: Path, authority: Authority
) -> None:
    async with world(tmp_path, authority, DRAIN_TIMEOUT=f"{DRAIN}s") as here, busy(here) as work:
        loop = asyncio.get_running_loop()
        here.gateway.terminate()
        start = loop.time()
        await refused(here.gateway.port)
        await refused(here.gateway.tls_port)
        answers = await work.finish()
        assert [(answer.status, answer.whole) for answer in answers] == [(200, True)] * (DOWNLOADS + UPLOADS)
        assert {answer.text for answer in answers[:DOWNLOADS]} == {BODY.decode()}
        assert [answer.json["size"] for answer in answers[DOWNLOADS:]] == [len(BODY)] * UPLOADS
        assert await work.socket.exchange("still here") == "still here"
        assert await work.socket.closed() == 1006
        assert await here.gateway.exited(5) == 0
        assert DRAIN - 0.2 <= loop.time() - start <= DRAIN + PROCESS_ENDS
        statuses = [line["status"] for line in here.gateway.access_log if line["tenant"] in {"down", "up"}]
        assert statuses == [200] * (DOWNLOADS + UPLOADS)


async def test_what_is_cut_off_has_its_access_line_too(tmp_path: Path, authority: Authority) -> None:
    async with world(tmp_path, authority, DRAIN_TIMEOUT="200ms") as here:
        chat, _ = await here.new_tenant("chat", echo_websocket)
        slow, _ = await here.new_tenant("slow", behaviours.slow(5))
        async with WebSocket.connect(here.gateway.port, chat) as socket, here.connect() as client:
            await socket.accepted()
            await client.send(request_head("GET", "/", [("Host", slow)]))
            await in_flight(here, 2)
            here.gateway.terminate()
            assert await here.gateway.exited(PROCESS_ENDS) == 0
        assert {line["tenant"] for line in here.gateway.access_log if line["tenant"]} == {"chat", "slow"}


async def test_without_work_the_end_comes_at_once(tmp_path: Path, authority: Authority) -> None:
    async with world(tmp_path, authority, DRAIN_TIMEOUT="30s") as here:
        host, _ = await here.new_tenant("alice")
        async with here.connect() as idle:
            assert (await idle.ask("GET", host)).status == 200
            here.gateway.terminate()
            assert await here.gateway.exited(PROCESS_ENDS) == 0
            assert await idle.at_end()


async def test_a_second_sigterm_ends_it_at_once(tmp_path: Path, authority: Authority) -> None:
    async with world(tmp_path, authority, DRAIN_TIMEOUT="30s") as here:
        host, _ = await here.new_tenant("chat", echo_websocket)
        async with WebSocket.connect(here.gateway.port, host) as socket:
            await socket.accepted()
            here.gateway.terminate()
            await refused(here.gateway.port)
            assert here.gateway.exit_code is None
            here.gateway.terminate()
            assert await here.gateway.exited(PROCESS_ENDS) == 0


async def test_a_kept_connection_is_told_to_close_with_the_answer_that_runs(
    tmp_path: Path, authority: Authority
) -> None:
    async with world(tmp_path, authority, DRAIN_TIMEOUT="5s") as here:
        host, _ = await here.new_tenant("alice", behaviours.slow(0.6))
        async with here.connect() as client:
            answering = asyncio.gather(client.ask("GET", host))
            await asyncio.sleep(0.2)
            here.gateway.terminate()
            (answer,) = await answering
            assert (answer.status, answer.one("connection").lower()) == (200, "close")
            assert await client.at_end()


async def test_over_http2_what_runs_is_finished_and_what_comes_later_is_503(
    tmp_path: Path, authority: Authority
) -> None:
    async with world(tmp_path, authority, DRAIN_TIMEOUT="5s") as here:
        host, _ = await here.new_tenant("alice", behaviours.slow(0.6))
        async with here.connect_http2(host) as client:
            running = [client.begin("GET", host, ended=True) for _ in range(5)]
            await asyncio.sleep(0.2)
            here.gateway.terminate()
            await refused(here.gateway.tls_port)
            later = await client.ask("GET", host)
            assert (later.status, later.code) == (503, "UNAVAILABLE")
            assert [(await client.answer(stream)).status for stream in running] == [200] * 5
            assert await here.gateway.exited(PROCESS_ENDS) == 0


@on_both_paths
async def test_over_http2_a_drain_is_announced_and_what_runs_is_finished(
    tmp_path: Path, authority: Authority, path: str
) -> None:
    async with world(tmp_path, authority, DRAIN_TIMEOUT="5s", TRAFFIC_PATH=path) as here:
        host, _ = await here.new_tenant("alice", behaviours.slow(0.6))
        async with here.connect_http2(host) as client:
            running = client.begin("GET", host, ended=True)
            await asyncio.sleep(0.2)
            here.gateway.terminate()
            await eventually(lambda: client.ended, "the announcement")
            assert client.ended == "GOAWAY 0"
            assert not running.done.is_set()
            assert (await client.answer(running)).status == 200
            assert await here.gateway.exited(5) == 0


@on_both_paths
async def test_an_idle_http2_connection_ends_with_goaway(tmp_path: Path, authority: Authority, path: str) -> None:
    async with world(tmp_path, authority, DRAIN_TIMEOUT="5s", TRAFFIC_PATH=path) as here:
        host, _ = await here.new_tenant("alice")
        async with here.connect_http2(host) as client:
            assert (await client.ask("GET", host)).status == 200
            here.gateway.terminate()
            await eventually(lambda: client.ended, "the announcement")
            assert client.ended == "GOAWAY 0"
            assert await here.gateway.exited(5) == 0


async def test_operators_see_the_drain_until_the_process_ends(tmp_path: Path, authority: Authority) -> None:
    async with world(tmp_path, authority, DRAIN_TIMEOUT="5s") as here:
        host, _ = await here.new_tenant("alice", behaviours.slow(3))
        async with here.connect() as client:
            answering = asyncio.gather(client.ask("GET", host))
            await asyncio.sleep(0.2)
            here.gateway.terminate()
            await refused(here.gateway.port)
            async with Http1.connect(here.gateway.admin_port) as operator:
                answer = await operator.ask("GET", "admin", "/_ready")
            assert (answer.status, answer.json["ready"]) == (503, False)
            assert "draining" in answer.json["reasons"]
            assert total(await here.gateway.metrics(), "gateway_exchanges_in_flight") == 2
            async with Http1.connect(here.gateway.admin_port) as operator:
                assert (await operator.ask("GET", "admin", "/_health")).status == 200
            assert [a.status for a in await answering] == [200]
            assert await here.gateway.exited(5) == 0


@on_both_paths
async def test_a_relieved_worker_serves_what_its_clients_still_ask_and_leaves_its_ports(
    tmp_path: Path, authority: Authority, path: str
) -> None:
    async with world(tmp_path, authority, DRAIN_TIMEOUT="10s", TRAFFIC_PATH=path) as here:
        host, _ = await here.new_tenant("alice")
        slow, _ = await here.new_tenant("slow", behaviours.slow(4))
        async with here.connect() as busy, here.connect() as fresh, here.connect() as idle:
            assert (await idle.ask("GET", host)).all("connection") == []
            await busy.send(request_head("GET", "/", [("Host", slow)]))
            await in_flight(here, 1)
            os.kill(here.gateway.pid, signal.SIGQUIT)
            await refused(here.gateway.port)
            await refused(here.gateway.admin_port)
            for client in (fresh, busy):
                answer = await client.answer() if client is busy else await client.ask("GET", host)
                assert (answer.status, answer.one("connection").lower()) == (200, "close")
                assert await client.at_end()
            assert await idle.at_end()
            assert await here.gateway.exited(5) == 0


async def test_a_hangup_ends_nothing(tmp_path: Path, authority: Authority) -> None:
    async with world(tmp_path, authority) as here:
        host, _ = await here.new_tenant("alice")
        os.kill(here.gateway.pid, signal.SIGHUP)
        await eventually(lambda: "SIGHUP: certificates are read anew" in here.gateway.log, "a word about it")
        assert (await here.ask("GET", host)).status == 200
