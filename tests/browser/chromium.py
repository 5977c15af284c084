"""What does a person see? Chromium without a window, driven over its DevTools protocol."""

import asyncio
import contextlib
import json
import os
import shutil
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.rig.patience import PATIENCE_SECONDS, NeverHappenedError, eventually
from tests.rig.websocket_client import WebSocket

START_SECONDS = 30.0
_STEP_SECONDS = 0.05
# No traffic of its own: neither updates nor reports, and nobody's profile.
_QUIET = (
    "--headless=new",
    "--no-sandbox",  # it refuses root otherwise, and all it opens is ours
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1400,800",
    "--remote-debugging-port=0",
)


def find_chromium() -> str | None:
    """The browser's program, under any of its names."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page:
    """One tab. `socket` speaks to the browser; commands are answered in order or after events, which are skipped."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._session: str | None = None
        self._count = 0

    async def open(self, url: str) -> None:
        """Make the tab, go there, and wait until it has loaded."""
        target = await self.command("Target.createTarget", url=url)
        attached = await self.command("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        # A new tab is blank for a moment, and complete at that.
        await self.eventually('location.protocol !== "about:" && document.readyState === "complete"')

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol and its result."""
        self._count += 1
        told = {"id": self._count, "method": method, "params": parameters}
        answer = json.loads(await self._socket.exchange(json.dumps(told | self._addressed())))
        while answer.get("id") != self._count:
            answer = json.loads(await self._socket.message())
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    async def evaluate(self, script: str) -> Any:
        """The value of an expression in the page, awaited where it is a promise."""
        told = await self.command("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def eventually(self, script: str) -> Any:
        """The first true value of an expression in the page."""
        end = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while not (found := await self.evaluate(script)):
            if asyncio.get_running_loop().time() > end:
                raise NeverHappenedError(f"{script}\n{await self.evaluate('document.body.innerText')}")
            await asyncio.sleep(_STEP_SECONDS)
        return found

    def _addressed(self) -> dict[str, str]:
        return {"sessionId": self._session} if self._session else {}


@contextlib.asynccontextmanager
async def browsing(program: str, profile: Path, url: str) -> AsyncIterator[Page]:
    """A browser with one tab, for the time of the block."""
    environment = os.environ | {"HOME": str(profile)}
    process = await asyncio.create_subprocess_exec(
        program, *_QUIET, f"--user-data-dir={profile}", env=environment, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        port, target = await eventually(
            lambda: _devtools(process, profile / "DevToolsActivePort"), "chromium listens", START_SECONDS
        )
        async with WebSocket.connect(port, f"127.0.0.1:{port}", target) as socket:
            await socket.accepted()
            page = Page(socket)
            await page.open(url)
            yield page
            # Ended in order, it leaves no children behind.
            await Page(socket).command("Browser.close")
        async with asyncio.timeout(PATIENCE_SECONDS):
            await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _devtools(process: Process, file: Path) -> tuple[int, str] | None:
    """Port and path that the browser writes once it listens."""
    assert process.returncode is None, f"chromium ended with {process.returncode}"
    lines = file.read_text().splitlines() if file.exists() else []
    return (int(lines[0]), lines[1]) if len(lines) > 1 else None
