"""Who works in one place, who comes next, and who is leaving it? One worker is kept running in each place."""

import asyncio
import signal
from contextlib import suppress
from dataclasses import dataclass

from launch.child import Child, Estate
from launch.listeners import Listeners
from launch.ports import PortError
from launch.restarts import Again, Over, Run, judge, shell_status
from launch.yard import Yard

RELIEVED = signal.SIGQUIT
"""Tells a worker that another has taken its place: finish what runs and go (`proxy/ending.py`)."""
PORT_DELAY_SECONDS = 1.0
"""Between two tries to have a port back that was given up for a pause."""


@dataclass(frozen=True, slots=True, eq=False)
class Worker:
    """A process with its number."""

    number: int
    child: Child
    started: float
    gone: asyncio.Task[int]
    """Gives the exit status, once nothing of it remains."""

    def __str__(self) -> str:
        return f"worker {self.number}"


class Place:
    """One place: its sockets, who works there, and all that run, those who leave included."""

    def __init__(self, yard: Yard, listeners: Listeners) -> None:
        self._yard = yard
        self._listeners = listeners
        self._worker: Worker | None = None
        self._running: set[Worker] = set()
        self._leaving: set[Worker] = set()
        self._changing = asyncio.Lock()
        self._ending: signal.Signals | None = None
        self._end_asked = asyncio.Event()

    async def run(self) -> int:
        """Until the place is given up for good; the exit status for the shell."""
        try:
            self._worker = await self._start()
            return await self._keep()
        finally:
            self._listeners.close()
            await asyncio.gather(*(worker.gone for worker in self._running))

    async def _keep(self) -> int:
        failures, is_first = 0, True
        while worker := self._worker:
            await worker.child.left.wait()
            if worker.child.is_leaving and not self._yard.is_single and not self._end_asked.is_set():
                await self._replace_leaver(worker)
                continue
            status = await worker.gone
            async with self._changing:
                if worker is not self._worker:
                    continue  # it was relieved: its end is no news
                lived = self._yard.clock() - worker.started
                run = Run(status, lived, worker.child.has_listened, is_first, failures)
                match judge(run, asked_to_end=self._end_asked.is_set(), is_alone=self._yard.is_single):
                    case Over(status=status):
                        return status
                    case Again(delay_seconds=delay, failures=failures):
                        is_first = False
                        self._worker = await self._start_again(worker, status, delay)
        return 0

    async def _replace_leaver(self, worker: Worker) -> None:
        """Somebody has asked this one to end: what comes now would wait for it to finish."""
        async with self._changing:
            if worker is self._worker and not self._end_asked.is_set():
                self._yard.report(f"{worker} is leaving, another takes its place")
                self._see_off(worker)
                self._worker = await self._start()

    async def renew(self) -> bool:
        """Let a fresh worker take over from the one that works here; whether it did."""
        async with self._changing:
            old = self._worker
            if old is None or self._end_asked.is_set():
                return False
            try:
                self._listeners.open()
            except PortError as error:
                self._yard.report(str(error))
                return False
            new = await self._start()
            is_ready = await new.child.is_ready_within(self._yard.ready_seconds)
            if self._end_asked.is_set():
                return False
            if not is_ready:
                self._yard.report(f"{new} did not become ready, {old} stays")
                self._dismiss(new, signal.SIGTERM)
                return False
            if new.child.ports < old.child.ports:
                # Without a certificate that can serve, https would be gone, and its clients would wait for an answer.
                self._yard.report(f"{new} opens fewer ports than {old}, which stays; the warnings above say why")
                self._dismiss(new, signal.SIGTERM)
                return False
            self._worker = new
            self._dismiss(old, RELIEVED)
            return True

    def end(self, number: signal.Signals) -> None:
        """Let all finish that run here; asked a second time, they are told so and end at once."""
        is_first = not self._end_asked.is_set()
        self._end_asked.set()
        self._ending = number
        self._listeners.close()  # or connections would wait in a queue that no worker looks at any more
        for worker in tuple(self._running):
            if worker not in self._leaving:
                self._dismiss(worker, number)
            elif not is_first:
                worker.child.send(number)

    def send(self, number: signal.Signals) -> None:
        """Hand a signal on to who works here."""
        if self._worker:
            self._worker.child.send(number)

    # Starts and ends.

    async def _start(self) -> Worker:
        yard, number = self._yard, self._yard.numbers.take()
        estate = Estate(
            {
                "GATEWAY_SOCKETS": str(self._listeners),
                "GATEWAY_WORKER": str(number),
                "GATEWAY_FOLDER": str(yard.folder),
            },
            self._listeners.descriptors,
        )
        child = await Child.start(yard.program, estate)
        worker = Worker(
            number, child, yard.clock(), yard.tasks.start(self._bury(number, child), name="end of a worker")
        )
        self._running.add(worker)
        worker.gone.add_done_callback(lambda _: self._running.discard(worker))
        if self._ending is not None:  # the signal came while it was being started
            self._dismiss(worker, self._ending)
        return worker

    async def _bury(self, number: int, child: Child) -> int:
        status = await child.ended()
        (self._yard.folder / str(number)).unlink(missing_ok=True)
        self._yard.numbers.give_back(number)
        return status

    async def _start_again(self, worker: Worker, status: int, delay_seconds: float) -> Worker | None:
        """Start anew after a pause, in which the place's connections go elsewhere; None when the end came before."""
        pause = f" in {delay_seconds:g} s" if delay_seconds else ""
        self._yard.report(f"{worker} ended with status {shell_status(status)}, starts again{pause}")
        if delay_seconds:
            self._listeners.close()
        while not await self._is_end_asked_within(delay_seconds):
            try:
                self._listeners.open()
            except PortError as error:
                self._yard.report(str(error))
                delay_seconds = max(delay_seconds, PORT_DELAY_SECONDS)
            else:
                return await self._start()
        return None

    async def _is_end_asked_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._end_asked.wait(), seconds)
        return self._end_asked.is_set()

    def _dismiss(self, worker: Worker, number: signal.Signals) -> None:
        worker.child.send(number)
        self._see_off(worker)

    def _see_off(self, worker: Worker) -> None:
        self._leaving.add(worker)
        worker.gone.add_done_callback(lambda _: self._leaving.discard(worker))
        self._yard.tasks.start(self._kill_unless_gone(worker), name="patience with a worker")

    async def _kill_unless_gone(self, worker: Worker) -> None:
        await asyncio.wait({worker.gone}, timeout=self._yard.patience_seconds)
        if not worker.gone.done():
            self._yard.report(f"{worker} did not end within {self._yard.patience_seconds:g} s and is killed")
            worker.child.kill()
