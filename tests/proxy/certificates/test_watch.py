"""Does the gateway start and go on whatever the certificate folder does?"""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from mesh_gateway.proxy.certificates import watch as watch_module
from mesh_gateway.proxy.certificates.shelf import Outlook, Shelf
from mesh_gateway.proxy.certificates.watch import Sight, Watch
from mesh_gateway.settings import SettingsError
from tests.rig.pairs import issue
from tests.rig.patience import eventually


async def test_what_lies_there_is_adopted_before_the_start_is_over_and_what_comes_after_it(tmp_path: Path) -> None:
    ca = trustme.CA()
    issue(ca, tmp_path / "one", "one.org")
    seen: list[Sight] = []
    watch = Watch(tmp_path, "", seen.append)
    await watch.start()
    try:
        assert [each.name for each in seen[0].outlook.table.all] == ["one"]
        issue(ca, tmp_path / "two", "two.org")
        watch.look_anew()
        await eventually(lambda: len(seen[-1].outlook.table) == 2, "the second")
    finally:
        watch.close()
    await asyncio.sleep(0.05)
    count = len(seen)
    watch.look_anew()
    await asyncio.sleep(0.1)
    assert len(seen) == count, "after the end nobody is told"


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A file system that does not answer until the gate is opened, as NFS without its server."""
    opened, look = threading.Event(), Shelf.look

    def hang(shelf: Shelf, *, anew: bool = False) -> Outlook:
        opened.wait(20)
        return look(shelf, anew=anew)

    monkeypatch.setattr(Shelf, "look", hang)
    monkeypatch.setattr(watch_module, "FIRST_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(watch_module, "PATIENCE_SECONDS", 0.1)
    yield opened
    opened.set()


async def test_a_folder_that_hangs_holds_up_neither_start_nor_loop(
    tmp_path: Path, gate: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    issue(trustme.CA(), tmp_path / "one", "one.org")
    seen: list[Sight] = []
    watch = Watch(tmp_path, "", seen.append)
    async with asyncio.timeout(5):
        await watch.start()
        assert seen == []
        await eventually(lambda: "does not answer" in caplog.text, "it is told")
        await asyncio.sleep(0.3)
        assert caplog.text.count("does not answer") == 1
        gate.set()
        await eventually(lambda: seen, "the folder is back")
    watch.close()
    assert len(seen[0].outlook.table) == 1
    assert "looked at again" in caplog.text


async def test_a_fault_in_a_look_is_logged_and_the_next_look_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks = 0

    def fail(_: Shelf, *, anew: bool = False) -> Outlook:
        nonlocal looks
        looks += 1
        raise RuntimeError(f"a fault, {anew}")

    monkeypatch.setattr(Shelf, "look", fail)
    watch = Watch(tmp_path, "", lambda _: None)
    await watch.start()
    watch.look_anew()
    await eventually(lambda: looks > 1, "another look")
    watch.close()
    assert "looking for certificates failed" in caplog.text


async def test_a_start_with_something_else_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    watch = Watch(tmp_path / "file", "", lambda _: None)
    with pytest.raises(SettingsError, match=r"^CERT_DIR holds '.*/file' but wants a folder \(.*/file is none\)$"):
        await watch.start()
