"""How are the routes of a hundred thousand tenants kept in little memory?

A `RouteSet` with its routes and texts is a dozen objects and about a kilobyte, and each is one more for the garbage
collector to visit. Packed it is one string of bytes. marshal is Python's fastest way there; its format changes between
versions of Python, which does not matter to what never leaves the process.
"""

import marshal

from mesh_gateway.routing.routes import HealthCheck, Route, RouteSet, Scheme

_Check = tuple[str, str | None]
_Packed = tuple[str, int, bool, str, int, _Check | None]


def pack(routes: RouteSet) -> bytes:
    """`routes` as bytes."""
    return marshal.dumps(
        (
            routes.tenant,
            tuple(map(_fields, routes.routes)),
            routes.ttl_seconds,
            routes.user_id,
            routes.last_seen_online,
            routes.dropped,
        )
    )


def unpack(packed: bytes) -> RouteSet:
    """What `pack` was given. For its own output only: marshal trusts what it reads."""
    tenant, routes, *others = marshal.loads(packed)  # noqa: S302 - never from outside
    return RouteSet(tenant, tuple(map(_route, routes)), *others)


def _fields(route: Route) -> _Packed:
    check = route.health_check
    asked = (check.path, check.host) if check else None
    return route.ip, route.port, route.scheme is Scheme.HTTPS, route.source, route.priority, asked


def _route(fields: _Packed) -> Route:
    ip, port, is_https, source, priority, asked = fields
    scheme = Scheme.HTTPS if is_https else Scheme.HTTP
    return Route(ip, port, scheme, source, priority, HealthCheck(*asked) if asked else None)
