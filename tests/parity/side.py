"""How does one row go on one path? A gateway with a world of its own, and everything that can be seen of the row there."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.parity import sight
from tests.parity.allowances import Part
from tests.parity.fields import NODE
from tests.parity.http1_client import Http1Client
from tests.parity.http2_client import Http2Client
from tests.parity.row import HAS_DEFAULT_BACKEND, SETTINGS, House, Row
from tests.parity.script import HOST, Http2Script
from tests.parity.stage import Stage
from tests.parity.tally import Look, Tally
from tests.parity.upstreams import hello
from tests.rig.api import known
from tests.rig.certificates import Authority
from tests.rig.origin import Origin
from tests.rig.world import World, world

_STEP_SECONDS = 0.01
_SETTLE_STEPS = 600


class Side:
    """One gateway on one path."""

    def __init__(self, here: World, default_backend: Origin | None) -> None:
        self.world = here
        self.tally = Tally(here.gateway)
        self._default_backend = default_backend

    async def see(self, row: Row, tenant: str) -> sight.Sight:
        """Play the row for a tenant that nobody has asked for before."""
        async with Stage(self.world, tenant, row.places) as stage:
            if self._default_backend:
                self._default_backend.forget()
                stage.origins.append(self._default_backend)
            self.world.api.tenants[tenant] = row.said or known(stage.routes, tenant=tenant)
            before, logged = await self.tally.look(), self._access_log.stat().st_size
            client, statuses = await self._play(row, f"{tenant}.{self.world.domain}", stage)
            after = await self._settled(before, logged)
            parts = {
                Part.CLIENT: client,
                Part.UPSTREAM: await _upstream_lines(stage, shuffled=row.shuffled),
                Part.ACCESS: sight.access_lines(self._records(logged), shuffled=row.shuffled),
                Part.METRICS: after.lines_since(before),
                Part.API: [f"asked {self.world.api.asked_for(tenant)} times"],
            }
            return sight.Sight(sight.alike(parts, self._names(stage)), tuple(statuses), stage.connections)

    def _names(self, stage: Stage) -> dict[int, str]:
        own = {self._default_backend.port: self._default_backend.name} if self._default_backend else {}
        return stage.names | own

    # The client.

    async def _play(self, row: Row, host: str, stage: Stage) -> tuple[list[str], list[int]]:
        sni = row.sni.replace(HOST, host)
        gateway = self.world.gateway
        if isinstance(row.script, Http2Script):
            async with self.world.connect_http2(sni) as http2:
                modern = Http2Client(http2, host, stage)
                await modern.play(row.script)
                return modern.lines, modern.statuses
        port = gateway.tls_port if row.tls else gateway.port
        tls = self.world.authority.trusting("http/1.1") if row.tls else None
        async with Http1Client.connect(port, host, stage, tls, sni) as client:
            await client.play(row.script)
            return client.received.lines, client.received.statuses

    # Until all is told.

    @property
    def _access_log(self) -> Path:
        return self.world.gateway.folder / "stdout"

    def _records(self, since: int) -> list[dict[str, Any]]:
        """The access lines behind that byte, but for those of the looks at the metrics."""
        with self._access_log.open("rb") as log:
            log.seek(since)
            whole, _, _ = log.read().rpartition(b"\n")
        records = [json.loads(line) for line in whole.splitlines()]
        return [record for record in records if record["host"] != "admin"]

    async def _settled(self, before: Look, logged: int) -> Look:
        """The counters once nothing is under way and each request has its access line."""
        look = before
        for _ in range(_SETTLE_STEPS):
            look = await self.tally.look()
            if look.is_calm and look.requests - before.requests <= len(self._records(logged)):
                return look
            await asyncio.sleep(_STEP_SECONDS)
        raise AssertionError(f"never calm: {look.lines_since(before)}, {self._records(logged)}")


async def _upstream_lines(stage: Stage, *, shuffled: bool) -> list[str]:
    """What the upstreams got, once they have read all that lies in their sockets."""
    lines: list[str] = []
    while lines != (seen := sight.upstream_lines(stage.origins, shuffled=shuffled)):
        lines = seen
        await asyncio.sleep(2 * _STEP_SECONDS)
    return lines


@contextlib.asynccontextmanager
async def side(folder: Path, authority: Authority, path: str, house: House) -> AsyncIterator[Side]:
    """A gateway of that house on that path, for the time of the block."""
    async with contextlib.AsyncExitStack() as ending:
        settings: dict[str, Any] = {
            **SETTINGS[house],
            "NODE_NAME": NODE,
            "TRAFFIC_PATH": path,
            "HEALTH_CHECK_INTERVAL": "0",
        }
        backend: Origin | None = None
        if house in HAS_DEFAULT_BACKEND:
            backend = await ending.enter_async_context(Origin("default backend", behaviour=hello))
            settings["DEFAULT_BACKEND"] = f"http://127.0.0.1:{backend.port}"
        here = await ending.enter_async_context(world(folder, authority, **settings))
        one = Side(here, backend)
        await one.tally.learn()
        yield one
