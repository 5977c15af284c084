"""Is it up, what does it cost, and is it gone? One server on loopback, with a folder of its own."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.places import LOOPBACK, Door
from bench.usage import Usage, tree, usage

_READY_SECONDS = 60.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05


class ServerError(Exception):
    """A server did not come up, or went away. The text says which, and what it wrote last."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started, and whom to ask whether it is up."""

    name: str
    command: Sequence[str]
    folder: Path
    door: Door
    host: str
    environment: Mapping[str, str]


class Server:
    """One running server."""

    def __init__(self, launch: Launch, process: Process) -> None:
        self.launch = launch
        self._process = process

    @classmethod
    async def start(cls, launch: Launch) -> Self:
        """Returns at once. Standard output, where the gateway's access log goes, is a file."""
        surroundings = {"PATH": os.environ["PATH"], "HOME": str(launch.folder), "LANG": "C.UTF-8"}
        with (launch.folder / "stdout").open("ab") as out, (launch.folder / "stderr").open("ab") as err:
            process = await asyncio.create_subprocess_exec(
                *launch.command,
                stdin=DEVNULL,
                stdout=out,
                stderr=err,
                cwd=launch.folder,
                env={**surroundings, **launch.environment},
                start_new_session=True,  # Ctrl-C is for bench, which then ends its servers in order
            )
        return cls(launch, process)

    @property
    def door(self) -> Door:
        return self.launch.door

    def usage(self) -> Usage:
        return usage(self._process.pid)

    async def become_ready(self) -> None:
        """Returns when a request goes through; raises ServerError when none does."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_READY_SECONDS):
                while not await self._answers():
                    self.check()
                    await asyncio.sleep(_POLL_SECONDS)
                return
        raise ServerError(f"{self.launch.name} does not answer: {self._last_words()}")

    def check(self) -> None:
        """Raise ServerError when it has ended."""
        if self._process.returncode is not None:
            raise ServerError(f"{self.launch.name} ended ({self._process.returncode}): {self._last_words()}")

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL for what of its tree does not heed it."""
        pids = tree(self._process.pid)
        if self._process.returncode is None:
            self._process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_SECONDS):
                    await self._process.wait()
        for pid in pids if self._process.returncode is None else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self._process.wait()

    async def _answers(self) -> bool:
        head = f"GET / HTTP/1.1\r\nHost: {self.launch.host}\r\nConnection: close\r\n\r\n"
        try:
            reader, writer = await asyncio.open_connection(LOOPBACK, self.door.port)
        except OSError:
            return False
        try:
            writer.write(head.encode())
            return (await reader.readline()).split()[1:2] == [b"200"]
        except OSError:
            return False
        finally:
            writer.close()

    def _last_words(self) -> str:
        written = ((self.launch.folder / name).read_text(errors="replace").strip() for name in ("stderr", "stdout"))
        return next((text.splitlines()[-1] for text in written if text), "it wrote nothing")


@asynccontextmanager
async def serving(launches: Sequence[Launch]) -> AsyncIterator[list[Server]]:
    """Start all of them, and end them whatever happens. They may not be ready yet."""
    servers: list[Server] = []
    try:
        for launch in launches:
            servers.append(await Server.start(launch))  # noqa: PERF401 - what runs must be known when the next fails
        yield servers
    finally:
        await asyncio.gather(*(server.stop() for server in servers))
