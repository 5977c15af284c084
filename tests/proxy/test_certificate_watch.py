"""Does the gateway start and go on whatever the certificate folder does? And who is told what, how often?"""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from mesh_gateway.proxy.certificates import watch as watch_module
from mesh_gateway.proxy.certificates.pair import utc_now
from mesh_gateway.proxy.certificates.shelf import Outlook, Shelf
from mesh_gateway.proxy.certificates.sightings import MOST_TOLD, Sightings
from mesh_gateway.proxy.certificates.table import Certificates
from mesh_gateway.proxy.certificates.watch import Sight, Watch
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


# What nobody covers.


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    root = tmp_path_factory.mktemp("store")
    issue(trustme.CA(), root / "main", "example.com", "*.example.com")
    return Shelf(root, "", lambda: 0.0, utc_now).look().table


def test_each_wildcard_that_is_missing_is_told_once(table: Certificates, caplog: pytest.LogCaptureFixture) -> None:
    sightings = Sightings("example.com")
    for name in ("app.alice.example.com", "app.alice.example.com", "other.alice.example.com", "app.bob.example.com"):
        sightings.refused(name, table)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "https was asked for app.alice.example.com, which no certificate covers",
        "https was asked for app.bob.example.com, which no certificate covers",
    ]


@pytest.mark.parametrize("name", ["evil.org", "alice.example.com", "example.com", None, "", "a_b.c.example.com"])
def test_what_is_covered_or_no_tenants_is_not_told(
    table: Certificates, name: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    Sightings("example.com").refused(name, table)
    Sightings("example.com").refused(name, Certificates())
    assert not caplog.records


def test_strangers_cannot_fill_the_log(table: Certificates, caplog: pytest.LogCaptureFixture) -> None:
    sightings = Sightings("example.com")
    for number in range(MOST_TOLD + 50):
        sightings.refused(f"app.t{number}.example.com", table)
    assert len(caplog.records) == MOST_TOLD
