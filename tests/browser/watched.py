"""How does a test run the gateway under mitmweb? The rig's gateway, with a page to look at it."""

import asyncio
import io
from asyncio.subprocess import DEVNULL
from collections.abc import Mapping
from pathlib import Path
from typing import override

from argon2 import PasswordHasher
from mitmproxy.flow import Flow
from mitmproxy.io import FlowReader

from tests.rig.gateway import MITMDUMP, SCRIPT, Gateway
from tests.rig.http1_client import Http1
from tests.rig.ports import free_port

MITMWEB = MITMDUMP.with_name("mitmweb")
COLUMNS = ("path", "method", "status", "comment")
TOKEN = "let-me-in"  # noqa: S105 - of a page on loopback, for the time of a test


class WatchedGateway(Gateway):
    """`mitmweb -s addons/gateway.py`; its list of flows has a column for comments."""

    def __init__(self, folder: Path, settings: Mapping[str, str | None]) -> None:
        self.web_port = free_port()
        web = {"web_open_browser": "false", "web_port": self.web_port, "web_password": PasswordHasher().hash(TOKEN)}
        sets = [f"{name}={value}" for name, value in web.items()] + [f"web_columns={column}" for column in COLUMNS]
        super().__init__(folder, settings, options=[word for told in sets for word in ("--set", told)])

    @property
    def page(self) -> str:
        """What a person opens."""
        return f"http://127.0.0.1:{self.web_port}/?token={TOKEN}"

    async def flows(self, found_by: str) -> list[Flow]:
        """The flows that a filter of mitmproxy finds, as they would be saved."""
        async with Http1.connect(self.web_port) as client:
            answer = await client.ask("GET", "127.0.0.1", f"/flows/dump?token={TOKEN}&filter={found_by}")
        assert answer.status == 200, answer.text
        return list(FlowReader(io.BytesIO(answer.body)).stream())

    @override
    async def launch(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = ["-q", "-s", str(SCRIPT), "--set", f"confdir={self.folder / 'conf'}", *self.options]
        with (self.folder / "stdout").open("ab") as out, (self.folder / "stderr").open("ab") as err:
            self._process = await asyncio.create_subprocess_exec(
                str(MITMWEB),
                *arguments,
                stdin=DEVNULL,
                stdout=out,
                stderr=err,
                env=self._environment(),
                cwd=self.folder,
            )
