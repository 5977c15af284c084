"""How does a test run the real gateway? One `mitmdump -s addons/gateway.py` with settings of its own."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import h11

from tests.rig.http1_client import Http1
from tests.rig.patience import eventually
from tests.rig.ports import LOOPBACK, free_port, listens
from tests.rig.samples import Samples, parse_samples

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "addons" / "gateway.py"
MITMDUMP = Path(sys.executable).parent / "mitmdump"
START_SECONDS = 20.0
STOP_SECONDS = 15.0
OUTPUT_SHOWN = 3000
BAD_SIGNS = ("Traceback", "has crashed", "Addon error", "never retrieved")
"""What no log may hold; "has crashed" is what mitmproxy says of a layer (proxy/server.py)."""

running: list["Gateway"] = []
"""For the fixture that looks into the logs after each test."""


class DidNotStartError(AssertionError):
    """The process ended, or never became ready. The text is its log."""


class Gateway:
    """One process, its ports, and what it writes."""

    def __init__(
        self, folder: Path, settings: Mapping[str, str | None], *, script: Path = SCRIPT, options: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.script = script
        self.options = tuple(options)
        self.port, self.tls_port, self.admin_port = free_port(), free_port(), free_port()
        self.settings = {**self._defaults(), **settings}
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        assert self._process is not None
        return self._process.returncode

    @property
    def log(self) -> str:
        """What it wrote to standard error so far."""
        return (self.folder / "stderr").read_text(errors="replace")

    @property
    def output(self) -> str:
        """Both streams: mitmproxy's own log goes to standard output until the gateway has set up its own."""
        return (self.folder / "stdout").read_text(errors="replace") + self.log

    @property
    def access_log(self) -> list[dict[str, Any]]:
        """The access lines so far; a line that is no JSON fails the test."""
        text = (self.folder / "stdout").read_text(errors="replace")
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    async def access_lines(self, request_id: str) -> list[dict[str, Any]]:
        """The lines of one request, once there is one."""
        return await eventually(lambda: self._lines_of(request_id), f"access line of {request_id}")

    async def metrics(self) -> Samples:
        """What the admin port tells."""
        async with Http1.connect(self.admin_port) as client:
            return parse_samples((await client.ask("GET", "admin", "/_metrics")).text)

    def rss(self, row: str = "VmRSS") -> int:
        """Resident memory in bytes; `VmHWM` for its peak (proc(5))."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith(row + ":")).split()[1]) << 10

    def forget_peak(self) -> None:
        """Let the peak of `rss("VmHWM")` start anew (proc(5), clear_refs)."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    async def start(self) -> Self:
        """Returns once it is ready; raises DidNotStartError when it ends before."""
        await self.launch()
        running.append(self)
        try:
            await eventually(self._ended_or_listens, "the admin port listens", START_SECONDS)
            await self._until_ready()
        except BaseException:
            await self.stop()
            raise
        return self

    async def launch(self) -> None:
        """Start the process and wait for nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = ["-q", "-s", str(self.script), "--set", f"confdir={self.folder / 'conf'}", *self.options]
        with (self.folder / "stdout").open("ab") as out, (self.folder / "stderr").open("ab") as err:
            self._process = await asyncio.create_subprocess_exec(
                str(MITMDUMP),
                *arguments,
                stdin=DEVNULL,
                stdout=out,
                stderr=err,
                env=self._environment(),
                cwd=self.folder,
            )

    async def exited(self, seconds: float = START_SECONDS) -> int:
        """The exit code of a process that ends by itself; when it does not it is stopped, and the test fails."""
        assert self._process is not None
        try:
            async with asyncio.timeout(seconds):
                return await self._process.wait()
        except TimeoutError:
            await self.kill()
            raise

    def terminate(self) -> None:
        """SIGTERM."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    async def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL if that is not heard."""
        if self._process is not None and self._process.returncode is None:
            self.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._process.wait()
            except TimeoutError:
                await self.kill()
        with contextlib.suppress(ValueError):
            running.remove(self)

    def _defaults(self) -> dict[str, str]:
        return {
            "SERVER_DOMAIN": "example.com",
            "PORT": str(self.port),
            "SSL_PORT": str(self.tls_port),
            "ADMIN_PORT": str(self.admin_port),
            "LISTEN_ADDRESS": LOOPBACK,
            "CERT_DIR": str(self.folder / "certificates"),
            "STATE_DIR": str(self.folder / "state"),
            "ROUTE_NETWORKS": "127.0.0.0/8,::1/128",
            "DRAIN_TIMEOUT": "1s",
            "NODE_NAME": f"rig-{self.port}",
            # Every live test is for both ways through the process: scripts/test runs them once for each.
            "TRAFFIC_PATH": os.environ.get("GATEWAY_TEST_PATH", "flow"),
        }

    def _environment(self) -> dict[str, str]:
        """Nothing of the caller's but PATH: proxies, key logs and settings of its own stay out."""
        own = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8"}
        return own | {name: text for name, text in self.settings.items() if text is not None}

    def _ended_or_listens(self) -> bool:
        if self.exit_code is not None:
            raise DidNotStartError(f"exit {self.exit_code}\n{self.output[-OUTPUT_SHOWN:]}")
        with contextlib.suppress(OSError):
            return listens(self.admin_port)
        return False

    async def _until_ready(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + START_SECONDS
        while True:
            with contextlib.suppress(ConnectionError, h11.RemoteProtocolError):
                async with Http1.connect(self.admin_port) as client:
                    if (await client.ask("GET", "admin", "/_ready")).status == 200:
                        return
            if loop.time() > end or self.exit_code is not None:
                raise DidNotStartError(f"never ready\n{self.output[-OUTPUT_SHOWN:]}")
            await asyncio.sleep(0.05)

    def _lines_of(self, request_id: str) -> list[dict[str, Any]]:
        return [line for line in self.access_log if request_id in line.values()]


def bad_signs(log: str) -> list[str]:
    """The lines of a log that tell of a fault of the gateway's own."""
    return [line for line in log.splitlines() if any(sign in line for sign in BAD_SIGNS)]
