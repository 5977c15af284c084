"""Who obtains and renews the certificates? The certificate program, kept running beside the workers.

It and the gateway meet in files: the workers serve on whatever becomes of it, so its end is no reason for theirs.
"""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from launch.programs import LEAKS, ROOT, Program
from launch.restarts import DELAYS, STEADY_SECONDS, shell_status

WRONG_SETTING = 2
"""The program's status for a setting that it cannot start with.

Its environment stays as it is until a restart, but what the environment points to may be mended: a file, a mount.
"""
PATIENCE_SECONDS = 10.0
"""What it gets to remove its DNS records and end."""
LONGEST_DELAY_SECONDS = 300.0
"""Between two starts: what fails at its start each time must not fill the log."""
HEARS_AFTER_SECONDS = 1.0
"""Between two questions whether a program that has just started listens to signals yet."""
MOST_QUESTIONS = 60
"""After a minute it is left alone: it looked when it started."""


def certificate_program(environment: Mapping[str, str], leash: Sequence[str]) -> Program:
    """`python -m acme_client run` from the project's root."""
    clean = {variable: value for variable, value in environment.items() if variable not in LEAKS}
    clean["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH", "")]))
    return Program((*leash, sys.executable, "-P", "-m", "acme_client", "run"), clean)


class Certification:
    """The program's runs, one after the other."""

    def __init__(
        self,
        program: Program,
        report: Callable[[str], None],
        delays: Sequence[float] = DELAYS,
        *,
        longest_delay: float = LONGEST_DELAY_SECONDS,
    ) -> None:
        """Seconds before a start: `delays` by the failures in a row before it, then `longest_delay`.

        `longest_delay` comes after a wrong setting as well.
        """
        self._program = program
        self._report = report
        self._delays = (*delays, longest_delay)
        self._failures = 0
        self._is_told = False
        self._is_asked = asyncio.Event()
        self._process: Process | None = None
        self._asking: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Keep it running until this is cancelled; then it is told to end (SIGTERM), and killed where it does not."""
        try:
            while True:
                began = time.monotonic()
                status = await self._run_once()
                await self._pause(self._delay(status, time.monotonic() - began))
        finally:
            await self._end()

    def _delay(self, status: int, lived_seconds: float) -> float:
        """Before the next start, and tells of it: a wrong setting once, until a run ends in another way."""
        if status == WRONG_SETTING:
            delay = self._delays[-1]
            if not self._is_told:
                self._report(
                    "the certificate program cannot start, as it says above, and what is wrong stays to be mended; the "
                    f"gateway serves. It is tried again every {delay:g} s, and at once on SIGHUP; another environment takes a restart"
                )
            self._is_told = True
            return delay
        self._is_told = False
        self._failures = 0 if lived_seconds >= STEADY_SECONDS else self._failures + 1
        delay = self._delays[min(max(self._failures, 1), len(self._delays) - 1)]
        self._report(f"the certificate program ended with status {shell_status(status)}, starts again in {delay:g} s")
        return delay

    async def _pause(self, seconds: float) -> None:
        """Over at once when somebody asks, or has asked while the run that just ended did not listen yet."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_asked.wait()

    def look_now(self) -> None:
        """Wake the program (SIGHUP), or do so as soon as it listens: before, the signal would end it.

        One that is not running is started, and looks then.
        """
        self._is_asked.set()
        self._forget_to_wake()
        self._wake(MOST_QUESTIONS)

    def _wake(self, questions: int) -> None:
        self._asking = None
        process = self._process
        if process is None or process.returncode is not None:
            return
        if _catches(process.pid, signal.SIGHUP):
            self._is_asked.clear()
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGHUP)
        elif questions > 1:
            self._asking = asyncio.get_running_loop().call_later(HEARS_AFTER_SECONDS, self._wake, questions - 1)

    def _forget_to_wake(self) -> None:
        if self._asking:
            self._asking.cancel()
            self._asking = None

    async def _run_once(self) -> int:
        # Its words go where ours go; standard output belongs to the access log. A group of its own: the terminal's
        # Ctrl-C reaches it through us.
        self._is_asked.clear()
        self._process = await asyncio.create_subprocess_exec(
            *self._program.command, env=self._program.environment, stdin=DEVNULL, stdout=2, process_group=0
        )
        return await self._process.wait()

    async def _end(self) -> None:
        self._forget_to_wake()
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), PATIENCE_SECONDS)
        except TimeoutError:
            self._report(f"the certificate program did not end within {PATIENCE_SECONDS:g} s and is killed")
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has set up what it does on a signal (proc(5): `SigCgt` is a mask in hexadecimal)."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:  # it has just ended
        return False
    mask = next((int(line.partition(":")[2], 16) for line in lines if line.startswith("SigCgt:")), 0)
    return bool(mask >> (number - 1) & 1)
