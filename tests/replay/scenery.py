"""What stands around the gateway while cases are recorded and replayed? An API and one origin for each tenant."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from tests.replay.cases import CASES, Case, Home
from tests.rig.api import UNKNOWN, Api, Said, known, route
from tests.rig.arrival import Arrival
from tests.rig.origin import Origin
from tests.rig.ports import dead_port

SETTINGS: Mapping[str, str] = {
    "NODE_NAME": "replay",  # it names the node in CDN-Loop; the rig's own differs from run to run
    "INSPECT_BODY_SIZE": "64KiB",  # a body that is not collected is not in the recording
}


@dataclass(frozen=True, slots=True)
class Scenery:
    """The API, to be started with the gateway's world, and the origins by their case."""

    api: Api
    origins: Mapping[str, Origin]

    def arrivals(self, case: str) -> list[Arrival]:
        """What the upstream of a case got; nothing where it has none."""
        return self.origins[case].arrivals if case in self.origins else []


@contextlib.asynccontextmanager
async def scenery() -> AsyncIterator[Scenery]:
    """All tenants of the cases and their origins, for the time of the block."""
    async with contextlib.AsyncExitStack() as ending:
        dead = ending.enter_context(dead_port())
        api = Api()
        origins: dict[str, Origin] = {}
        for case in CASES:
            if case.home in (Home.ONE_ROUTE, Home.DEAD_AGENT_THEN_TUNNEL):
                origins[case.name] = await ending.enter_async_context(Origin(case.name, behaviour=case.answer))
            live = origins[case.name].port if case.name in origins else 0
            api.tenants[case.tenant] = _said_of(case, live=live, dead=dead)
        yield Scenery(api, origins)


def _said_of(case: Case, *, live: int, dead: int) -> Said:
    match case.home:
        case Home.ONE_ROUTE:
            return known([route(live)], tenant=case.tenant)
        case Home.DEAD_AGENT_THEN_TUNNEL:
            routes = [route(dead, source="agent", priority=1), route(live, source="tunnel", priority=2)]
            return known(routes, tenant=case.tenant)
        case Home.OFFLINE:
            return known([], tenant=case.tenant, ttl=-2)
        case Home.UNKNOWN:
            return UNKNOWN
