"""How does a test run the whole service? What scripts/run starts, with as many workers as wanted, in a world around it."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from pathlib import Path
from typing import override

from tests.rig.api import Api
from tests.rig.certificates import Authority
from tests.rig.gateway import ROOT, Gateway
from tests.rig.patience import eventually
from tests.rig.world import World

START = (sys.executable, "-P", "-m", "launch")


class Service(Gateway):
    """The supervisor and its workers; `pid`, `exit_code` and the signals are the supervisor's."""

    @override
    async def launch(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'addons'}", "TMPDIR": str(self.folder)}
        with (self.folder / "stdout").open("wb") as out, (self.folder / "stderr").open("ab") as err:
            self._process = await asyncio.create_subprocess_exec(
                *START, *self.options, stdin=DEVNULL, stdout=out, stderr=err, env=self._environment() | paths
            )

    def workers(self) -> set[int]:
        """The process ids of those that run (proc(5))."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return {int(pid) for pid in children.split()}

    async def all_ready(self, count: int) -> None:
        """Returns once so many workers answer for themselves."""
        loop = asyncio.get_running_loop()
        end = loop.time() + 10
        while await self.answering() < count:
            assert loop.time() < end, self.output
            await asyncio.sleep(0.05)

    async def answering(self) -> int:
        """How many workers answer when metrics are gathered."""
        samples = await self.metrics()
        return sum(value == 1 for (name, _), value in samples.items() if name == "gateway_worker_up")

    async def replaced(self) -> None:
        """Replace all workers; returns when each place has a new one."""
        before = self.log.count("all workers were replaced")
        os.kill(self.pid, signal.SIGHUP)
        await eventually(lambda: self.log.count("all workers were replaced") > before, "new workers", 30)


@contextlib.asynccontextmanager
async def service(folder: Path, authority: Authority, *, workers: int = 2, **settings: str) -> AsyncIterator[World]:
    """A world with a service in it, for the time of the block; its gateway is a `Service`."""
    async with contextlib.AsyncExitStack() as ending:
        api = await ending.enter_async_context(Api())
        running = Service(folder, {"BACKEND_URL": api.url, "WORKERS": str(workers), **settings})
        domain = running.settings["SERVER_DOMAIN"]
        authority.write_store(folder / "certificates", f"{domain}", f"*.{domain}")
        ending.push_async_callback(running.stop)
        await running.start()
        await running.all_ready(workers)
        yield World(running, api, authority, ending)
