"""Are workers kept running, replaced and ended as they should be? With real processes that stand in for them."""

import asyncio
import logging
import os
import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from mitmproxy.log import MitmFormatter

from launch.listeners import Listeners
from launch.place import Place
from launch.programs import Program
from launch.supervision import AS_A_SERVICE, AS_MITMWEB, AT_A_TERMINAL, Order, Supervisor, report, supervise
from launch.yard import Numbers, Yard
from mesh_gateway.tasks import Tasks

# Each notes what happens to it, with its number, in the file `story`.
BEGIN = """
import os, signal, sys, time
number = os.environ["GATEWAY_WORKER"]
def note(what): open("story", "a").write(f"{number} {what}\\n")
def say(word): os.write(int(os.environ["GATEWAY_TELL"]), word.encode() + b"\\n")
def tidy(sent, frame):
    note(signal.Signals(sent).name)
    sys.exit(0)
for each in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT): signal.signal(each, tidy)
signal.signal(signal.SIGHUP, lambda sent, frame: note("SIGHUP"))
"""
WELL = BEGIN + "note('began'); say('listening'); note('ready'); say('ready'); time.sleep(30)"
STUBBORN = BEGIN + "signal.signal(signal.SIGTERM, signal.SIG_IGN); say('listening'); note('ready'); time.sleep(30)"
FIRST_READY_ONLY = BEGIN + "say('listening'); number == '0' and say('ready'); note('began'); time.sleep(30)"
DIES = BEGIN + "note('began'); say('listening'); sys.exit(7)"


class World:
    """Workers in a folder of their own, their supervisor, and what that said."""

    def __init__(
        self, folder: Path, code: str, *, places: int = 1, patience_seconds: float = 5, ready_seconds: float = 5
    ) -> None:
        self.folder = folder
        self.said: list[str] = []
        (folder / "workers").mkdir()
        command = ("/bin/sh", "-c", 'cd "$1" && exec "$2" -c "$3"', "sh", str(folder), sys.executable, code)
        yard = Yard(
            Program(command, dict(os.environ)),
            folder / "workers",
            patience_seconds,
            report=self.said.append,
            is_single=places == 1,
            ready_seconds=ready_seconds,
        )
        self.supervisor = Supervisor([Place(yard, Listeners(tuple)) for _ in range(places)], yard)

    @property
    def story(self) -> list[str]:
        path = self.folder / "story"
        return path.read_text().splitlines() if path.exists() else []

    async def until(self, *events: str) -> None:
        """Wait until all of these have happened."""
        async with asyncio.timeout(5):
            while not set(events) <= {*self.story, *self.said}:  # noqa: ASYNC110 - other processes say it by a file
                await asyncio.sleep(0.01)

    def start(self, orders: Mapping[signal.Signals, Order] = AS_A_SERVICE) -> "asyncio.Task[int]":
        return Tasks().start(supervise(self.supervisor, orders), name="supervisor")


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_a_signal_is_handed_on_to_all_and_the_end_is_a_good_one(tmp_path: Path, number: signal.Signals) -> None:
    world = World(tmp_path, WELL, places=2)
    running = world.start()
    await world.until("0 ready", "1 ready")
    send(number)
    assert await running == 0
    assert {f"0 {number.name}", f"1 {number.name}"} <= set(world.story)
    assert world.said == []


async def test_a_hangup_replaces_a_services_workers_one_by_one(tmp_path: Path) -> None:
    world = World(tmp_path, WELL, places=2)
    running = world.start()
    await world.until("0 ready", "1 ready")
    before = len(world.story)
    send(signal.SIGHUP)
    await world.until("all workers were replaced")
    send(signal.SIGTERM)
    assert await running == 0
    story = world.story[before:]
    assert story.index("2 ready") < min(story.index(f"{old} SIGQUIT") for old in "01"), (
        "the first is ready, then one goes"
    )
    assert sum("SIGQUIT" in line for line in story) == 2
    assert sum("SIGTERM" in line for line in story) == 2


async def test_a_successor_that_does_not_become_ready_is_ended_and_the_old_one_stays(tmp_path: Path) -> None:
    world = World(tmp_path, FIRST_READY_ONLY, ready_seconds=0.3)
    running = world.start()
    await world.until("0 began")
    send(signal.SIGHUP)
    await world.until("not all workers were replaced", "1 SIGTERM")
    assert "worker 1 did not become ready, worker 0 stays" in world.said
    assert "0 SIGQUIT" not in world.story
    send(signal.SIGTERM)
    assert await running == 0


async def test_hangups_during_a_replacement_make_one_more(tmp_path: Path) -> None:
    world = World(tmp_path, WELL)
    running = world.start()
    await world.until("0 ready")
    for _ in range(5):
        world.supervisor.heed(signal.SIGHUP, Order.RENEW)
    async with asyncio.timeout(5):
        while world.said.count("all workers were replaced") < 2:  # noqa: ASYNC110 - the supervisor reports by a plain call
            await asyncio.sleep(0.01)
    send(signal.SIGTERM)
    assert await running == 0
    assert world.said.count("the workers are being replaced") == 2


async def test_an_end_during_a_replacement_does_not_hurry_those_who_leave(tmp_path: Path) -> None:
    slow = "signal.signal(signal.SIGQUIT, lambda sent, frame: note('SIGQUIT')); "
    world = World(tmp_path, WELL.replace("note('began')", slow + "note('began')"), patience_seconds=0.5)
    running = world.start()
    await world.until("0 ready")
    send(signal.SIGHUP)
    await world.until("all workers were replaced", "0 SIGQUIT")
    send(signal.SIGTERM)
    assert await running == 0
    assert "1 SIGTERM" in world.story
    assert "0 SIGTERM" not in world.story
    assert world.said[-1] == "worker 0 did not end within 0.5 s and is killed"


async def test_mitmweb_hears_a_hangup_itself(tmp_path: Path) -> None:
    world = World(tmp_path, WELL)
    running = world.start(AS_MITMWEB)
    await world.until("0 ready")
    send(signal.SIGHUP)
    await world.until("0 SIGHUP")
    send(signal.SIGTERM)
    assert await running == 0


def test_a_closed_terminal_ends_what_was_started_in_it() -> None:
    assert AT_A_TERMINAL[signal.SIGHUP] is Order.END


async def test_a_failed_first_start_ends_all_with_its_status(tmp_path: Path) -> None:
    world = World(tmp_path, WELL.replace("note('began')", "number == '1' and sys.exit(3)"), places=3)
    assert await asyncio.wait_for(world.supervisor.run(), 5) == 3
    assert world.said == []


async def test_one_that_died_is_back_at_once_and_then_after_growing_pauses(tmp_path: Path) -> None:
    world = World(tmp_path, DIES)
    running = world.start()
    await world.until("worker 0 ended with status 7, starts again in 1 s")
    assert world.said[0] == "worker 0 ended with status 7, starts again"
    assert world.story == ["0 began", "0 began"]
    send(signal.SIGTERM)
    assert await asyncio.wait_for(running, 0.5) == 0, "the end can be asked for in the pause"


async def test_of_many_one_that_is_killed_comes_back_under_its_number(tmp_path: Path) -> None:
    pid = "open(f'pid{number}', 'w').write(str(os.getpid())); "
    world = World(tmp_path, WELL.replace("note('began')", f"{pid}note('began')"), places=2)
    running = world.start()
    await world.until("0 ready", "1 ready")
    os.kill(int((tmp_path / "pid1").read_text()), signal.SIGKILL)
    await world.until("worker 1 ended with status 137, starts again")
    async with asyncio.timeout(5):
        while world.story.count("1 ready") < 2:  # noqa: ASYNC110 - another process says it by a file
            await asyncio.sleep(0.01)
    assert world.story.count("0 began") == 1
    send(signal.SIGTERM)
    assert await running == 0


async def test_of_many_one_that_is_asked_to_end_by_hand_is_replaced_while_it_finishes(tmp_path: Path) -> None:
    code = (
        BEGIN
        + """
def leave(sent, frame):
    say('leaving'); note('leaving')
signal.signal(signal.SIGTERM, leave)
open(f'pid{number}', 'w').write(str(os.getpid())); say('listening'); note('ready')
time.sleep(30) # it would finish what runs
"""
    )
    world = World(tmp_path, code, places=2, patience_seconds=0.5)
    running = world.start()
    await world.until("0 ready", "1 ready")
    os.kill(int((tmp_path / "pid1").read_text()), signal.SIGTERM)
    await world.until("1 leaving", "2 ready", "worker 1 is leaving, another takes its place")
    await world.until("worker 1 did not end within 0.5 s and is killed")
    assert "0 leaving" not in world.story
    send(signal.SIGTERM)
    assert await running == 0


async def test_one_that_will_not_end_is_killed_when_patience_is_over(tmp_path: Path) -> None:
    world = World(tmp_path, STUBBORN, patience_seconds=0.2)
    running = world.start()
    await world.until("0 ready")
    send(signal.SIGTERM)
    assert await asyncio.wait_for(running, 5) == 0
    assert world.said == ["worker 0 did not end within 0.2 s and is killed"]


async def test_a_signal_while_the_process_is_being_started_is_not_lost(tmp_path: Path) -> None:
    world = World(tmp_path, WELL)
    running = world.start()
    await asyncio.sleep(0)
    world.supervisor.heed(signal.SIGTERM, Order.END)
    assert await asyncio.wait_for(running, 5) == 0


def test_a_worker_gets_the_lowest_number_that_is_free() -> None:
    numbers = Numbers()
    assert [numbers.take() for _ in range(3)] == [0, 1, 2]
    numbers.give_back(1)
    assert [numbers.take() for _ in range(2)] == [1, 3]


@pytest.mark.parametrize(("order", "told"), [(Order.RENEW, 1), (Order.PASS_ON, 1), (Order.END, 0)])
async def test_what_runs_beside_the_workers_is_woken_with_them(tmp_path: Path, order: Order, told: int) -> None:
    (tmp_path / "workers").mkdir()
    yard = Yard(Program(("true",), {}), tmp_path / "workers", 5, report=lambda _: None, is_single=True)
    woken: list[None] = []
    supervisor = Supervisor([], yard, lambda: woken.append(None))
    supervisor.heed(signal.SIGHUP, order)
    assert len(woken) == told
    await yard.tasks.close()


def test_a_line_of_the_log_has_the_form_of_the_workers_lines(capsys: pytest.CaptureFixture[str]) -> None:
    report("all workers were replaced")
    theirs = MitmFormatter(colorize=False).format(logging.makeLogRecord({"msg": "all workers were replaced"}))
    assert re.sub(r"\d", "0", capsys.readouterr().err) == re.sub(r"\d", "0", f"{theirs}\n")
