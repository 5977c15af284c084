"""One worker process: what does it inherit, what does it say, and how does it end?"""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from launch.programs import Program

TELL = "GATEWAY_TELL"
"""The variable with the descriptor that a worker speaks over (`addons/mesh_gateway/proxy/sockets.py`)."""
LAST_WORDS_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Estate:
    """What a worker gets beside its program's environment."""

    environment: Mapping[str, str]
    descriptors: Sequence[int]


class Child:
    """A process that was started. It says `ports N`, `listening`, then `ready`, and `leaving` at last, a line each."""

    def __init__(self, process: Process, ear: int) -> None:
        self._process = process
        self._ear = ear
        self._heard = b""
        self._told = asyncio.Event()
        """Set once it is ready, or will never be."""
        self.left = asyncio.Event()
        """Set once it takes no connection any more, or has ended."""
        asyncio.get_running_loop().add_reader(ear, self._hear)

    @classmethod
    async def start(cls, program: Program, estate: Estate) -> Self:
        """Start the program and wait for nothing."""
        ear, mouth = os.pipe()
        try:
            # A group of its own, so that the terminal's Ctrl-C reaches it once, through the supervisor, and not twice.
            process = await asyncio.create_subprocess_exec(
                *program.command,
                env={**program.environment, **estate.environment, TELL: str(mouth)},
                stdin=DEVNULL,
                process_group=0,
                pass_fds=(mouth, *estate.descriptors),
            )
        except BaseException:
            os.close(ear)
            raise
        finally:
            os.close(mouth)
        return cls(process, ear)

    @property
    def has_listened(self) -> bool:
        """Whether it came so far as to listen."""
        return self._has_said("listening")

    @property
    def ports(self) -> int:
        """How many ports it listens on; 0 before it does, and one more once a certificate is there."""
        told = (line.removeprefix(b"ports ") for line in self._heard.splitlines() if line.startswith(b"ports "))
        return max((int(count) for count in told if count.isdigit()), default=0)

    @property
    def is_leaving(self) -> bool:
        """Whether it finishes what it has, and takes nothing new."""
        return self._process.returncode is None and self._has_said("leaving")

    async def is_ready_within(self, seconds: float) -> bool:
        """Whether it becomes ready in that time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._told.wait(), seconds)
        return self._has_said("ready")

    async def ended(self) -> int:
        """Its exit status, negative for the signal that ended it, once it has ended."""
        status = await self._process.wait()
        await self.is_ready_within(LAST_WORDS_SECONDS)
        return status

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it and all that it has started, at once."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _hear(self) -> None:
        words = os.read(self._ear, 4096)
        self._heard += words
        if not words:  # it has ended
            asyncio.get_running_loop().remove_reader(self._ear)
            os.close(self._ear)
        if not words or self._has_said("ready"):
            self._told.set()
        if not words or self._has_said("leaving"):
            self.left.set()

    def _has_said(self, word: str) -> bool:
        return word.encode() in self._heard.splitlines()
