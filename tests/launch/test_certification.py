"""Is the certificate program kept running beside the gateway, and does nobody suffer by its end? Real processes."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from launch.certification import Certification, certificate_program
from launch.ports import https_wish, obtains_certificates
from launch.programs import ROOT, Program
from mesh_gateway.settings import Settings, read_settings
from tests.rig.certificates import Authority
from tests.rig.patience import eventually

BASE = {"server_domain": "example.com"}


def a_program(tmp_path: Path, text: str) -> Program:
    """A program that notes each start, in a file."""
    note = f"open({str(tmp_path / 'starts')!r}, 'a').write(str(__import__('os').getpid()) + chr(10))\n"
    return Program((sys.executable, "-c", note + text), dict(os.environ))


def starts(tmp_path: Path) -> list[int]:
    path = tmp_path / "starts"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_it_is_the_module_from_the_projects_root() -> None:
    program = certificate_program({"SSLKEYLOGFILE": "x", "SSL_EMAIL": "a@b"}, ("tie",))
    assert program.command == ("tie", sys.executable, "-P", "-m", "acme_client", "run")
    assert program.environment == {"SSL_EMAIL": "a@b", "PYTHONPATH": str(ROOT)}


async def test_what_ends_is_started_again_after_a_longer_and_longer_pause(tmp_path: Path) -> None:
    said: list[str] = []
    delays = (0.0, 0.01, 0.02, 0.05)
    certification = Certification(a_program(tmp_path, "raise SystemExit(7)"), said.append, delays)
    task = asyncio.get_running_loop().create_task(certification.run())
    await eventually(lambda: len(starts(tmp_path)) >= 3, "starts")
    task.cancel()
    await asyncio.wait({task})
    assert said[:2] == [
        f"the certificate program ended with status 7, starts again in {delay:g} s" for delay in delays[1:3]
    ]
    assert not any(map(is_alive, starts(tmp_path)))


@asynccontextmanager
async def kept_running(certification: Certification) -> AsyncIterator[None]:
    task = asyncio.get_running_loop().create_task(certification.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_wrong_setting_is_tried_again_now_and_then_and_told_once(tmp_path: Path) -> None:
    said: list[str] = []
    program = a_program(tmp_path, "raise SystemExit(2)")
    async with kept_running(Certification(program, said.append, longest_delay=0.01)):
        await eventually(lambda: len(starts(tmp_path)) >= 3, "starts")
    (told,) = said
    assert (
        "as it says above, and what is wrong stays to be mended; the gateway serves. It is tried again every 0.01 s"
        in told
    )


async def test_after_a_wrong_setting_that_was_mended_the_next_one_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    statuses = "raise SystemExit([2, 2, 7, 2][min(len(open(note).readlines()), 4) - 1])"
    program = a_program(tmp_path, f"note = {str(tmp_path / 'starts')!r}\n{statuses}")
    async with kept_running(Certification(program, said.append, (0.0,), longest_delay=0.01)):
        await eventually(lambda: len(starts(tmp_path)) >= 5, "starts")
    assert ["cannot start" in each for each in said] == [True, False, True]


async def test_a_passing_fault_at_the_start_ends_nothing_for_good(tmp_path: Path) -> None:
    secret = tmp_path / "secret"  # mounted late, as a container's may be
    text = (
        "import os, signal, time\n"
        f"if not os.path.exists({str(secret)!r}): raise SystemExit(2)\n"
        f"open({str(tmp_path / 'up')!r}, 'w').close()\n"
        "time.sleep(60)\n"
    )
    said: list[str] = []
    certification = Certification(a_program(tmp_path, text), said.append)
    async with kept_running(certification):
        await eventually(lambda: len(said) == 1, "it is told")
        secret.touch()
        assert len(starts(tmp_path)) == 1
        certification.look_now()  # SIGHUP; else it would be five minutes
        await eventually((tmp_path / "up").exists, "it runs")
    assert len(starts(tmp_path)) == 2


async def test_a_wish_ends_the_pause_after_a_failure_too(tmp_path: Path) -> None:
    said: list[str] = []
    certification = Certification(a_program(tmp_path, "raise SystemExit(7)"), said.append, (60.0,), longest_delay=60.0)
    async with kept_running(certification):
        await eventually(lambda: len(said) == 1, "it failed")
        certification.look_now()
        await eventually(lambda: len(said) == 2, "it failed once more")


async def test_a_wish_that_comes_while_it_starts_in_vain_is_kept(tmp_path: Path) -> None:
    text = (
        "import os, time\n"
        f"while not os.path.exists({str(tmp_path / 'may end')!r}): time.sleep(0.02)\n"
        "raise SystemExit(2)\n"
    )
    said: list[str] = []
    certification = Certification(a_program(tmp_path, text), said.append)
    async with kept_running(certification):
        await eventually(lambda: len(starts(tmp_path)) == 1, "it runs")
        certification.look_now()
        (tmp_path / "may end").touch()
        await eventually(lambda: len(starts(tmp_path)) == 2, "it is started again")


async def test_it_is_told_to_end_and_ends_by_itself(tmp_path: Path) -> None:
    text = (
        "import signal, time\n"
        f"def end(*_):\n open({str(tmp_path / 'ended')!r}, 'w').close()\n raise SystemExit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"open({str(tmp_path / 'up')!r}, 'w').close()\n"
        "time.sleep(60)\n"
    )
    certification = Certification(a_program(tmp_path, text), lambda _: None)
    task = asyncio.get_running_loop().create_task(certification.run())
    await eventually((tmp_path / "up").exists, "it runs")
    task.cancel()
    await asyncio.wait({task})
    assert (tmp_path / "ended").exists()
    assert not is_alive(starts(tmp_path)[0])


async def test_it_is_woken_as_soon_as_it_listens_and_never_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("launch.certification.HEARS_AFTER_SECONDS", 0.05)
    text = (
        "import os, signal, time\n"
        f"while not os.path.exists({str(tmp_path / 'may listen')!r}): time.sleep(0.02)\n"
        f"signal.signal(signal.SIGHUP, lambda *_: open({str(tmp_path / 'woken')!r}, 'a').write('w'))\n"
        "while True: time.sleep(60)\n"
    )
    said: list[str] = []
    certification = Certification(a_program(tmp_path, text), said.append)
    certification.look_now()  # nothing runs yet
    task = asyncio.get_running_loop().create_task(certification.run())
    await eventually(lambda: len(starts(tmp_path)) == 1, "it runs")
    certification.look_now()
    certification.look_now()  # as one, while it does not listen
    (tmp_path / "may listen").touch()
    woken = tmp_path / "woken"
    await eventually(lambda: woken.exists() and woken.read_text() == "w", "it is woken")
    certification.look_now()
    await eventually(lambda: woken.read_text() == "ww", "it is woken again")
    assert (len(starts(tmp_path)), said) == (1, [])
    task.cancel()
    await asyncio.wait({task})
    assert not is_alive(starts(tmp_path)[0])


async def test_what_ends_before_it_listens_is_woken_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("launch.certification.HEARS_AFTER_SECONDS", 0.05)
    certification = Certification(a_program(tmp_path, "import time\ntime.sleep(60)"), lambda _: None)
    task = asyncio.get_running_loop().create_task(certification.run())
    await eventually(lambda: len(starts(tmp_path)) == 1, "it runs")
    certification.look_now()
    assert certification._asking
    task.cancel()
    await asyncio.wait({task})
    assert certification._asking is None


async def test_what_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("launch.certification.PATIENCE_SECONDS", 0.2)
    text = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"open({str(tmp_path / 'up')!r}, 'w').close()\ntime.sleep(60)\n"
    )
    said: list[str] = []
    task = asyncio.get_running_loop().create_task(Certification(a_program(tmp_path, text), said.append).run())
    await eventually((tmp_path / "up").exists, "it runs")
    task.cancel()
    await asyncio.wait({task})
    assert not is_alive(starts(tmp_path)[0])
    assert said == ["the certificate program did not end within 0.2 s and is killed"]


OBTAINS = {
    "an address": ({"ssl_email": "a@b"}, True),
    "no address": ({}, False),
    "switched off": ({"ssl_email": "a@b", "acme": "off"}, False),
}


@pytest.mark.parametrize(("texts", "expected"), OBTAINS.values(), ids=OBTAINS)
def test_certificates_are_obtained_where_there_is_an_address(texts: dict[str, str], expected: bool) -> None:
    assert obtains_certificates(read_settings({**BASE, **texts})) is expected


def at(folder: Path, **texts: str) -> Settings:
    return read_settings({**BASE, "cert_dir": str(folder), **texts})


def test_the_https_port_is_wished_for_once_there_are_certificates_or_will_be(
    tmp_path: Path, authority: Authority
) -> None:
    assert https_wish(at(tmp_path)) == ()
    assert [wish.port for wish in https_wish(at(tmp_path, ssl_email="a@b"))] == [443]
    assert https_wish(at(tmp_path, ssl_email="a@b", ssl_port="off")) == ()
    authority.renew(tmp_path / "live" / "example.com", "example.com")
    assert [wish.port for wish in https_wish(at(tmp_path))] == [443]
