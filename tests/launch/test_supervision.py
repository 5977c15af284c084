"""Is the gateway kept running, and does it end when asked? With real processes that stand in for it."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from launch.programs import Program
from launch.supervision import AS_A_SERVICE, AT_A_TERMINAL, Order, Supervisor, supervise
from mesh_gateway.tasks import Tasks

WELL = "open('ready', 'w').close(); import time; time.sleep(30)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WELL
TIDY = f"""
import signal, sys
def tidy(number, frame):
    open("heard", "a").write(signal.Signals(number).name)
    sys.exit(0)
for number in (signal.SIGTERM, signal.SIGINT): signal.signal(number, tidy)
signal.signal(signal.SIGHUP, lambda number, frame: open("heard", "a").write("again "))
{WELL}
"""
FAILS_TWICE = """
import pathlib, sys
runs = pathlib.Path("runs")
runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
sys.exit(0 if len(runs.read_text()) == 3 else 7)
"""


class World:
    """A program in a folder of its own, its supervisor, and what that said."""

    def __init__(self, folder: Path, code: str, *, clock: Iterator[float], patience_seconds: float = 5) -> None:
        self.folder = folder
        self.said: list[str] = []
        command = ("/bin/sh", "-c", 'cd "$1" && exec "$2" -c "$3"', "sh", str(folder), sys.executable, code)
        self.supervisor = Supervisor(
            Program("gateway", command, dict(os.environ)),
            patience_seconds=patience_seconds,
            clock=lambda: next(clock),
            report=self.said.append,
        )

    async def until(self, name: str) -> None:
        """Wait for a file that the program writes."""
        async with asyncio.timeout(5):
            while not (self.folder / name).exists():  # noqa: ASYNC110 - another process says it by a file
                await asyncio.sleep(0.01)

    def heard(self) -> str:
        return (self.folder / "heard").read_text()


def each_run_lives(seconds: float) -> Iterator[float]:
    """A clock that is looked at at the start and at the end of each run."""
    return count(0, seconds)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_a_signal_is_handed_on_and_the_end_is_a_good_one(tmp_path: Path, number: signal.Signals) -> None:
    world = World(tmp_path, TIDY, clock=each_run_lives(1))
    running = Tasks().start(supervise(world.supervisor, AS_A_SERVICE), name="supervisor")
    await world.until("ready")
    os.kill(os.getpid(), number)
    assert await running == 0
    assert world.heard() == number.name
    assert world.said == []


async def test_a_service_hears_a_hangup_and_goes_on(tmp_path: Path) -> None:
    world = World(tmp_path, TIDY, clock=each_run_lives(1))
    running = Tasks().start(supervise(world.supervisor, AS_A_SERVICE), name="supervisor")
    await world.until("ready")
    os.kill(os.getpid(), signal.SIGHUP)
    await world.until("heard")
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == 0
    assert world.heard() == "again SIGTERM"


def test_a_closed_terminal_ends_what_was_started_in_it() -> None:
    assert AT_A_TERMINAL[signal.SIGHUP] is Order.END


async def test_a_failed_first_start_ends_with_its_status(tmp_path: Path) -> None:
    world = World(tmp_path, "raise SystemExit(3)", clock=each_run_lives(1))
    assert await world.supervisor.run() == 3
    assert world.said == []


async def test_one_that_died_is_started_again_until_it_ends_well(tmp_path: Path) -> None:
    # Eleven seconds by its clock: the first end is no failed start, and none is steady work.
    world = World(tmp_path, FAILS_TWICE, clock=each_run_lives(11))
    assert await world.supervisor.run() == 0
    assert (tmp_path / "runs").read_text() == "xxx"
    assert world.said == [
        "gateway ended with status 7, starts again in 1 s",
        "gateway ended with status 7, starts again in 2 s",
    ]


async def test_the_end_can_be_asked_for_in_the_pause_before_a_restart(tmp_path: Path) -> None:
    world = World(tmp_path, "raise SystemExit(7)", clock=each_run_lives(11))
    running = Tasks().start(world.supervisor.run(), name="supervisor")
    async with asyncio.timeout(5):
        while not world.said:  # noqa: ASYNC110 - the supervisor reports by a plain call
            await asyncio.sleep(0.01)
    world.supervisor.heed(signal.SIGTERM, Order.END)
    assert await asyncio.wait_for(running, 0.5) == 0


async def test_one_that_will_not_end_is_killed_when_patience_is_over(tmp_path: Path) -> None:
    world = World(tmp_path, STUBBORN, clock=each_run_lives(1), patience_seconds=0.2)
    running = Tasks().start(world.supervisor.run(), name="supervisor")
    await world.until("ready")
    world.supervisor.heed(signal.SIGTERM, Order.END)
    assert await asyncio.wait_for(running, 5) == 0
    assert world.said == ["gateway did not end within 0.2 s and is killed"]


async def test_a_signal_while_the_process_is_being_started_is_not_lost(tmp_path: Path) -> None:
    world = World(tmp_path, WELL, clock=each_run_lives(1))
    running = Tasks().start(world.supervisor.run(), name="supervisor")
    await asyncio.sleep(0)
    world.supervisor.heed(signal.SIGTERM, Order.END)
    assert await asyncio.wait_for(running, 5) == 0
