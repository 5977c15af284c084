"""Do workers find each other, and does none wait for one that does not answer?"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from mesh_gateway.admin import siblings
from mesh_gateway.admin.metrics_page import gathered
from mesh_gateway.admin.siblings import Siblings


@asynccontextmanager
async def sibling(folder: Path, number: str, page: str) -> AsyncIterator[Siblings]:
    worker = Siblings(folder, number, lambda: page)
    await worker.start()
    try:
        yield worker
    finally:
        worker.close()


def mute(folder: Path, number: str) -> socket.socket:
    """One that takes connections and says nothing."""
    stalled = socket.socket(socket.AF_UNIX)
    stalled.bind(str(folder / number))
    stalled.listen()
    return stalled


async def test_whoever_is_asked_has_all_pages_in_order(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(sibling(tmp_path, n, f"page {n}\n")) for n in ("10", "2", "0")]
        for worker in workers:
            assert list((await worker.pages()).items()) == [("0", "page 0\n"), ("2", "page 2\n"), ("10", "page 10\n")]


async def test_one_that_says_nothing_and_one_that_died_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(siblings, "DEADLINE_SECONDS", 0.1)
    mute(tmp_path, "2").close()
    with mute(tmp_path, "1"):
        async with sibling(tmp_path, "0", "mine\n") as worker:
            assert await worker.pages() == {"0": "mine\n", "1": None, "2": None}


async def test_a_page_that_was_broken_off_is_none(tmp_path: Path) -> None:
    async def half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((100).to_bytes(4) + b"# HELP")
        writer.close()

    server = await asyncio.start_unix_server(half, tmp_path / "1")
    async with server, sibling(tmp_path, "0", "mine\n") as worker:
        assert (await worker.pages())["1"] is None


async def test_the_socket_of_a_predecessor_that_died_is_no_hindrance(tmp_path: Path) -> None:
    mute(tmp_path, "0").close()
    async with sibling(tmp_path, "0", "mine\n"), sibling(tmp_path, "1", "other\n") as other:
        assert (await other.pages())["0"] == "mine\n"


async def test_a_folder_may_lie_deep(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    async with sibling(deep, "0", "mine\n"), sibling(deep, "1", "other\n") as other:
        assert (await other.pages())["0"] == "mine\n"


def test_the_page_says_who_answered() -> None:
    page = gathered({"0": '# HELP x X.\n# TYPE x gauge\nx{worker="0"} 1.0\n', "1": None})
    assert page.splitlines()[2:4] == ['gateway_worker_up{worker="0"} 1', 'gateway_worker_up{worker="1"} 0']
    assert page.endswith('x{worker="0"} 1.0\n')
