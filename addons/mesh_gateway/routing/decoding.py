"""What does an answer of the resolution API say? JSON values become one `RouteSet` (CONTRACT part 3).

Strict towards the whole: what is not the API's shape is a `DecodingError`. Tolerant towards its parts: one bad route
is left out with its reason, the others serve.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeGuard, assert_never

from mesh_gateway.routing.addresses import AddressPolicy, parse_ip
from mesh_gateway.routing.routes import HealthCheck, Route, RouteSet, Scheme

MAX_ROUTES = 64
"""Routes of one tenant that are looked at; agents and tunnels register a handful."""

_DEFAULT_PORT = 443
_LAST_PRIORITY = 999
_LONGEST_TTL = 10 * 365 * 86400.0
_SOURCE = re.compile(r"[a-z0-9_-]{1,32}")
_PATH = re.compile(r"/[\x21-\x7e]{0,1023}")
_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,31}")


class DecodingError(ValueError):
    """The body is not what the API sends."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """A route as it stood in the list; `is_domain` marks those that are meant for edge workers."""

    route: Route
    is_domain: bool


def is_api_json(payload: object) -> bool:
    """Whether the body of an error is the API's own: it always answers with a JSON object."""
    return isinstance(payload, dict)


def decode_v2(payload: object, tenant: str, policy: AddressPolicy) -> RouteSet:
    """The routes of `tenant` in an answer of `/resolve/v2/`; raises DecodingError."""
    answer = _object(payload)
    if "routes" not in answer:
        raise DecodingError("the answer has no routes member")
    entries = answer["routes"] if answer["routes"] is not None else []
    if not isinstance(entries, list):
        raise DecodingError("routes is not a list")
    listed: list[_Listed] = []
    dropped: list[str] = []
    for index, entry in enumerate(entries[:MAX_ROUTES]):
        result = _listed(entry, policy)
        match result:
            case _Listed():
                listed.append(result)
            case str():
                dropped.append(f"route {index}: {result}")
            case _:
                assert_never(result)
    if len(entries) > MAX_ROUTES:
        dropped.append(f"{len(entries) - MAX_ROUTES} routes beyond the first {MAX_ROUTES}")
    return _route_set(answer, tenant, _in_order(listed), dropped)


def decode_v1(payload: object, tenant: str, policy: AddressPolicy) -> RouteSet:
    """The one route of `tenant` in an answer of `/resolve/`; raises DecodingError. It does not say who is behind it."""
    answer = _object(payload)
    if "hostIp" not in answer:
        raise DecodingError("the answer has no hostIp member")
    if answer["hostIp"] in (None, ""):
        return _route_set(answer, tenant, (), [])
    result = _listed({"ip": answer["hostIp"], "port": answer.get("targetPort")}, policy)
    match result:
        case _Listed(route):
            return _route_set(answer, tenant, (route,), [])
        case str():
            return _route_set(answer, tenant, (), [f"hostIp: {result}"])
        case _:
            assert_never(result)


def _object(payload: object) -> Mapping[str, object]:
    if not isinstance(payload, dict):
        raise DecodingError("the answer is not a JSON object")
    return payload


def _listed(entry: object, policy: AddressPolicy) -> _Listed | str:
    """One entry of the list, or why it cannot be used."""
    if not isinstance(entry, dict):
        return "not an object"
    ip, port = _ip(entry.get("ip")), _port(entry.get("port"))
    source = _source(entry.get("source"))
    scheme = _scheme(entry.get("scheme"), source)
    if ip is None:
        return f"ip {_excerpt(entry.get('ip'))} is not an address"
    if refusal := policy.refuses(ip):
        return f"ip {ip} refused: {refusal}"
    if port is None:
        return f"port {_excerpt(entry.get('port'))} is not from 1 to 65535"
    if scheme is None:
        return f"scheme {_excerpt(entry.get('scheme'))} is neither http nor https"
    route = Route(ip, port, scheme, source, _priority(entry.get("priority")), _health_check(entry.get("healthCheck")))
    return _Listed(route, entry.get("type") == "domain")


def _in_order(listed: Iterable[_Listed]) -> tuple[Route, ...]:
    """Best first, one per endpoint. Routes of type domain only when there is nothing else.

    A tunnel sends each route twice, once as http and once as https. Both mean the same endpoint, and a failover that
    took them for two would try the dead one again.
    """
    usable = [entry.route for entry in listed if not entry.is_domain] or [entry.route for entry in listed]
    endpoints: dict[tuple[Scheme, str, int], Route] = {}
    for route in sorted(usable, key=lambda route: route.priority):
        endpoints.setdefault((route.scheme, route.ip, route.port), route)
    return tuple(endpoints.values())


def _route_set(
    answer: Mapping[str, object], tenant: str, routes: tuple[Route, ...], dropped: Iterable[str]
) -> RouteSet:
    return RouteSet(
        tenant=tenant,
        routes=routes,
        ttl_seconds=_ttl(answer.get("routesTtl")),
        user_id=_short_text(answer.get("userId"), 128),
        last_seen_online=_short_text(answer.get("lastSeenOnline"), 64),
        dropped=tuple(dropped),
    )


def _ip(value: object) -> str | None:
    return parse_ip(value) if isinstance(value, str) else None


def _port(value: object) -> int | None:
    """Missing is 443; None for what is no port."""
    if value is None:
        return _DEFAULT_PORT
    return value if _is_int(value) and 1 <= value <= 65535 else None  # noqa: PLR2004 - 16 bits, RFC 9293 3.1


def _priority(value: object) -> int:
    """Whatever cannot be compared comes last, as a missing one does: the route itself may still be good."""
    return value if _is_int(value) else _LAST_PRIORITY


def _source(value: object) -> str:
    """Sources end up in a response field and in access lines, so only plain words pass."""
    name = value.lower() if isinstance(value, str) else ""
    return name if _SOURCE.fullmatch(name) else "unknown"


def _scheme(value: object, source: str) -> Scheme | None:
    """A tunnel speaks plain http whatever it says; missing is https; None for what is no scheme."""
    if source == "tunnel":
        return Scheme.HTTP
    if value is None:
        return Scheme.HTTPS
    return next((scheme for scheme in Scheme if scheme.value == value), None)


def _health_check(value: object) -> HealthCheck | None:
    if not isinstance(value, dict):
        return None
    path, host = value.get("path"), value.get("host")
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        return None
    named = host.lower() if isinstance(host, str) else ""
    return HealthCheck(path, named if _HOST.fullmatch(named) else None)


def _ttl(value: object) -> float | None:
    """Seconds. Python's parser lets NaN, Infinity and integers of any size through; -2 is Redis for "no such key"."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not value >= 0 or value == math.inf:
        return None
    return float(min(value, _LONGEST_TTL))


def _short_text(value: object, longest: int) -> str | None:
    if isinstance(value, str) and 0 < len(value) <= longest and value.isprintable():
        return value
    return None


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _excerpt(value: object) -> str:
    """A value for the log, cut short. Of nested values and endless integers the type is enough."""
    if isinstance(value, str):
        return repr(value[:40])
    return repr(value) if _is_int(value) and abs(value) < _LONGEST_TTL else f"of type {type(value).__name__}"
