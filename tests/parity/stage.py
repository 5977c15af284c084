"""What stands behind a gateway for the time of one row? Its upstreams, on fresh ports of their own."""

import contextlib
import ssl
from types import TracebackType
from typing import Self, assert_never

from tests.parity.upstreams import Flaw, Place, Tls, Up
from tests.rig import ports
from tests.rig.api import Json, route
from tests.rig.behaviours import once
from tests.rig.call import Behaviour
from tests.rig.certificates import Authority
from tests.rig.origin import Origin
from tests.rig.patience import eventually
from tests.rig.world import World


class Stage:
    """The upstreams of a tenant; those that sleep refuse connections until `wake`."""

    def __init__(self, here: World, tenant: str, places: tuple[Place, ...]) -> None:
        self.origins: list[Origin] = []
        self.routes: list[Json] = []
        self.names: dict[int, str] = {}
        """Port -> name."""
        self._world = here
        self._tenant = tenant
        self._places = places
        self._sleeping: list[Origin] = []
        self._ending = contextlib.AsyncExitStack()

    @property
    def connections(self) -> int:
        """How many were made to all upstreams."""
        return sum(origin.connections for origin in self.origins)

    async def arrived(self, count: int) -> None:
        """Once so many heads have reached upstreams."""
        await eventually(lambda: sum(len(origin.arrivals) for origin in self.origins) >= count, f"{count} arrivals")

    async def wake(self) -> None:
        """Let all listen that did not."""
        while self._sleeping:
            await self._sleeping.pop().start()

    async def __aenter__(self) -> Self:
        for number, place in enumerate(self._places, 1):
            name = f"upstream {number}"
            port = await self._open(place, name)
            self.names[port] = name
            has_tls = isinstance(place, Up) and place.tls is not Tls.NONE
            source = place.source if isinstance(place, Up) else "agent"
            self.routes.append(route(port, scheme="https" if has_tls else "http", source=source, priority=number))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._ending.aclose()

    async def _open(self, place: Place, name: str) -> int:
        """The port that the route leads to."""
        match place:
            case Up():
                return await self._start(place, name)
            case Flaw.REFUSES:
                return self._ending.enter_context(ports.dead_port())
            case Flaw.SILENT:
                return self._ending.enter_context(ports.black_hole())
            case Flaw.LOOP:
                return self._world.gateway.port
            case _:
                assert_never(place)

    async def _start(self, place: Up, name: str) -> int:
        origin = Origin(name, behaviour=_in_turn(place.behaviours), tls=self._context(place.tls))
        self._ending.push_async_callback(origin.stop)
        self.origins.append(origin)
        if place.sleeps:
            origin.port = ports.free_port()
            self._sleeping.append(origin)
        else:
            await origin.start()
        return origin.port

    def _context(self, tls: Tls) -> ssl.SSLContext | None:
        here = self._world
        match tls:
            case Tls.NONE:
                return None
            case Tls.GOOD:
                return here.serving(self._tenant)
            case Tls.WILDCARD:
                return here.authority.serving(f"*.{here.domain}")
            case Tls.HTTP2:
                return here.serving(self._tenant, "h2", "http/1.1")
            case Tls.OTHER_NAME:
                return here.serving("somebody")
            case Tls.UNTRUSTED:
                return Authority("Nobody").serving(f"{self._tenant}.{here.domain}")
            case _:
                assert_never(tls)


def _in_turn(behaviours: tuple[Behaviour, ...]) -> Behaviour:
    *first, last = behaviours
    for behaviour in reversed(first):
        last = once(behaviour, last)
    return last
