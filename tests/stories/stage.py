"""How is a story played? Its routes become servers, its request is asked, its outcome compared."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.rig.answer import Answer
from tests.rig.api import UNKNOWN, Json, Said, route
from tests.rig.certificates import Authority
from tests.rig.http1_client import Http1
from tests.rig.origin import Origin
from tests.rig.patience import PATIENCE_SECONDS
from tests.rig.ports import black_hole, dead_port
from tests.rig.world import World, world
from tests.stories.story import Fate, Outcome, Request, Story, Way


@dataclass(slots=True)
class Stage:
    """Two gateways: to the one everybody is a stranger, to the other the test is a trusted edge worker."""

    public: World
    edge: World
    numbers: "count[int]"

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, folder: Path, authority: Authority) -> "AsyncIterator[Stage]":
        async with (
            _gateway(folder / "public", authority, "") as public,
            _gateway(folder / "edge", authority, "127.0.0.0/8") as edge,
        ):
            yield cls(public, edge, count(1))

    async def play(self, story: Story) -> None:
        """Set up, ask, compare."""
        at = self.edge if story.when.trusted else self.public
        tenant = f"alice{next(self.numbers)}"
        async with AsyncExitStack() as ending:
            servers = await self._set_up(at, tenant, story.given, ending)
            async with at.connect() as client:
                compare(await ask(client, story.when, tenant), servers, story.then, tenant)
                if story.then.next_status is not None:
                    assert (await ask(client, story.when, tenant)).status == story.then.next_status
                if story.then.code == "RESOLVER_UNAVAILABLE":
                    await self._forgiven(at, client)

    async def _forgiven(self, at: World, client: Http1) -> None:
        """After some failures the gateway leaves the API alone for a while; the next story is to start without that."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE_SECONDS
        while (await client.ask("GET", f"nobody{next(self.numbers)}.{at.domain}")).status != UNKNOWN.status:
            assert loop.time() < end
            await asyncio.sleep(0.1)

    async def _set_up(
        self, at: World, tenant: str, given: tuple[Way, ...] | Said, ending: AsyncExitStack
    ) -> dict[str, Origin]:
        if isinstance(given, Said):
            at.api.tenants[tenant] = at.api.old_tenants[tenant] = given
            return {}
        servers: dict[str, Origin] = {}
        rows = [await self._build(at, tenant, way, servers, ending) for way in given]
        at.tenant(tenant, *rows)
        return servers

    async def _build(
        self, at: World, tenant: str, way: Way, servers: dict[str, Origin], ending: AsyncExitStack
    ) -> Json:
        scheme = "http"
        match way.fate:
            case Fate.DEAD:
                port = ending.enter_context(dead_port())
            case Fate.SILENT:
                port = ending.enter_context(black_hole())
            case _:
                tls = _certificate(at, tenant, way.fate)
                scheme = "https" if tls else "http"
                servers[way.source] = await ending.enter_async_context(
                    Origin(way.source, behaviour=way.behaviour, tls=tls)
                )
                port = servers[way.source].port
        return route(port, source=way.source, priority=way.priority, scheme=scheme)


def _gateway(folder: Path, authority: Authority, trusted: str) -> contextlib.AbstractAsyncContextManager[World]:
    """With little patience, so that no story is long."""
    return world(
        folder,
        authority,
        TRUSTED_PROXIES=trusted,
        CONNECT_TIMEOUT="500ms",
        FIRST_BYTE_TIMEOUT="1s",
        RESOLVE_BUDGET="500ms",
    )


async def ask(client: Http1, request: Request, tenant: str) -> Answer:
    host = request.host.replace("alice", tenant)
    fields = [(name, value.replace("alice", tenant)) for name, value in request.fields]
    return await client.ask(request.method, host, request.target, *fields, body=request.body)


def compare(answer: Answer, servers: dict[str, Origin], then: Outcome, tenant: str) -> None:
    """Every thing that the story names."""
    assert (answer.status, answer.code) == (then.status, then.code)
    if then.served_by is not None:
        assert answer.json["origin"] == then.served_by
    for source, times in then.seen_by.items():
        assert (source, len(servers[source].arrivals)) == (source, times)
    if then.way is not None:
        assert answer.one("x-mesh-route") == then.way
    for name, value in then.upstream.items():
        assert servers[then.served_by or "agent"].last.one(name) == value.replace("alice", tenant)
    assert answer.one("x-request-id")


def _certificate(at: World, tenant: str, fate: Fate) -> ssl.SSLContext | None:
    match fate:
        case Fate.TRUSTED_TLS:
            return at.serving(tenant)
        case Fate.WRONG_NAME_TLS:
            return at.serving("somebodyelse")
        case Fate.UNTRUSTED_TLS:
            return Authority("Nobody").serving(f"{tenant}.{at.domain}")
        case _:
            return None
