"""Which routes does a request try, and in what order? (CONTRACT part 4)"""

from collections.abc import Callable

from mesh_gateway.routing.control import Preference
from mesh_gateway.routing.routes import Route

# A request that walks more routes than this at 5 s each has lost its client long ago.
MAX_CANDIDATES = 8

_PREFERRED_SOURCE = {Preference.DIRECT: "agent", Preference.TUNNEL: "tunnel"}


def candidates(
    routes: tuple[Route, ...], *, is_up: Callable[[Route], bool], prefer: Preference | None
) -> tuple[Route, ...]:
    """The routes to try, best first; never empty unless `routes` is.

    1. Healthy routes come before those that stepped back: these are the last resort, tried when all else failed.
    2. Among either, the preferred source comes first (`X-Mesh-Force`).
    3. Then lower priority; equals keep their order, for `sorted` is stable.
    """
    if len(routes) == 1:  # most tenants: no order to find, and the only route is tried in any case
        return routes
    source = _PREFERRED_SOURCE[prefer] if prefer else None

    def rank(route: Route) -> tuple[bool, bool, int]:
        return (not is_up(route), source is not None and route.source != source, route.priority)

    return tuple(sorted(routes, key=rank)[:MAX_CANDIDATES])
