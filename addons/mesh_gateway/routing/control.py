"""What does a peer ask of the gateway itself? The X-Mesh-* fields, which go no further (CONTRACT part 5)."""

from dataclasses import dataclass
from enum import StrEnum, unique

from mesh_gateway.routing.client import Client
from mesh_gateway.routing.request import RequestHead


@unique
class Preference(StrEnum):
    """Which kind of route is to be tried first."""

    DIRECT = "direct"
    TUNNEL = "tunnel"


@dataclass(frozen=True, slots=True)
class Control:
    """The wishes of one request."""

    route_host: str | None
    """The public host, where an edge worker had to rewrite `Host`."""
    prefer: Preference | None
    trace: bool
    """Show the way of the request in the answer's X-Mesh-Route."""


_NOTHING, _TRACED = Control(None, None, trace=False), Control(None, None, trace=True)


def control(head: RequestHead, client: Client) -> Control:
    """The wishes of `head`: a trace is anybody's to ask for, where a request goes only a trusted peer's."""
    trace = head.first(b"x-mesh-trace") is not None
    if not client.trusted:
        return _TRACED if trace else _NOTHING
    return Control(_route_host(head), _preference(head), trace)


def _route_host(head: RequestHead) -> str | None:
    value = head.first(b"x-mesh-route-host")
    return value.decode("latin-1") if value else None


def _preference(head: RequestHead) -> Preference | None:
    value = (head.first(b"x-mesh-force") or b"").lower().decode("latin-1")
    return Preference(value) if value in Preference else None
