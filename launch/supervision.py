"""Who keeps the gateway running, and takes it down when asked? Signals in, restarts with growing pauses."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum, auto, unique

from launch.programs import Program
from launch.restarts import Again, Over, Run, judge, shell_status


@unique
class Order(Enum):
    """What a signal asks for."""

    END = auto()
    PASS_ON = auto()


# A closed terminal (SIGHUP) ends what was started in it; a service has none, there it means "read again".
AT_A_TERMINAL: Mapping[signal.Signals, Order] = {
    signal.SIGTERM: Order.END,
    signal.SIGINT: Order.END,
    signal.SIGHUP: Order.END,
}
AS_A_SERVICE: Mapping[signal.Signals, Order] = {**AT_A_TERMINAL, signal.SIGHUP: Order.PASS_ON}


def say(line: str) -> None:
    """One line for the operator; standard output belongs to the access log."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class Supervisor:
    """Keeps one program running. Its state is the running process, if any, and whether the end was asked for."""

    def __init__(
        self,
        program: Program,
        *,
        patience_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        report: Callable[[str], None] = say,
    ) -> None:
        self._program = program
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._report = report
        self._process: Process | None = None
        self._ending: signal.Signals | None = None
        self._end_asked = asyncio.Event()

    async def run(self) -> int:
        """Until the program ended for good; the exit status for the shell."""
        failures, is_first = 0, True
        while True:
            started = self._clock()
            status = await self._run_once()
            run = Run(status, self._clock() - started, is_first, failures)
            match judge(run, asked_to_end=self._end_asked.is_set()):
                case Over(status=status):
                    return status
                case Again(delay_seconds=delay, failures=failures):
                    await self._pause(status, delay)
                    is_first = False
            if self._end_asked.is_set():
                return 0

    def heed(self, number: signal.Signals, order: Order) -> None:
        """Carry out what a signal asks for."""
        if order is Order.END:
            if self._ending is None:
                asyncio.get_running_loop().call_later(self._patience_seconds, self._kill)
            self._ending = number
            self._end_asked.set()
        self._send(number)

    async def _run_once(self) -> int:
        # A group of its own, so that the terminal's Ctrl-C reaches it once, through here, and not twice.
        self._process = await asyncio.create_subprocess_exec(
            *self._program.command, env=self._program.environment, stdin=DEVNULL, process_group=0
        )
        if self._ending is not None:  # the signal came while it was being started
            self._send(self._ending)
        try:
            return await self._process.wait()
        finally:
            self._process = None

    async def _pause(self, status: int, delay_seconds: float) -> None:
        self._report(
            f"{self._program.name} ended with status {shell_status(status)}, starts again in {delay_seconds:g} s"
        )
        with suppress(TimeoutError):
            await asyncio.wait_for(self._end_asked.wait(), delay_seconds)

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _kill(self) -> None:
        if self._process is not None:
            self._report(f"{self._program.name} did not end within {self._patience_seconds:g} s and is killed")
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


async def supervise(supervisor: Supervisor, orders: Mapping[signal.Signals, Order]) -> int:
    """Run the supervisor under the signals of this process."""
    loop = asyncio.get_running_loop()
    for number, order in orders.items():
        loop.add_signal_handler(number, supervisor.heed, number, order)
    try:
        return await supervisor.run()
    finally:
        for number in orders:
            loop.remove_signal_handler(number)
