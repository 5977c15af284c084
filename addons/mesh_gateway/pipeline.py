"""The request's way on one page: from its head to where it goes, or to the gateway's own answer.

    admit    own path? limits, loop, host to tenant           -> Reply | Forward | NeedsRoutes
    (await)  the caller asks the resolver for the tenant's routes
    choose   what the API said, candidates by priority and health -> Reply | Forward
    edit     the field list for the upstream                   -> fields

No I/O, no clock, no mitmproxy: the flow path and the fast path share it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique
from ipaddress import ip_address
from typing import assert_never
from urllib.parse import urlsplit

from mesh_gateway.routing.candidates import candidates
from mesh_gateway.routing.client import Client, identify_client
from mesh_gateway.routing.control import Control, control
from mesh_gateway.routing.forwarding import Forwarding, forwarded_fields
from mesh_gateway.routing.head import Field, Rejection, RequestHead
from mesh_gateway.routing.health import HealthTable
from mesh_gateway.routing.hostname import HostKind, HostName, parse_host
from mesh_gateway.routing.limits import RateLimiter
from mesh_gateway.routing.loop import is_loop
from mesh_gateway.routing.public_side import public_port, public_scheme, request_id
from mesh_gateway.routing.resolution import Resolution, Standing
from mesh_gateway.routing.routes import Route, Scheme
from mesh_gateway.routing.verdicts import Failure
from mesh_gateway.routing.websocket import is_websocket
from mesh_gateway.settings import Settings


@unique
class Listener(Enum):
    """Which port a client connected to."""

    PUBLIC = "public"
    ADMIN = "admin"


@unique
class OwnPath(Enum):
    """The gateway's own paths; the value is the path."""

    HEALTH = "/_health"
    READY = "/_ready"
    METRICS = "/_metrics"


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a request reached the gateway."""

    peer: str
    """The address at the other end of the socket."""
    scheme: str
    """`http` or `https`, as spoken on that socket."""
    listener: Listener
    accepting: bool
    """False while draining or over capacity."""
    same_certificate: Callable[[str], bool] | None
    """Whether a host is served under the certificate that this connection was made with; None for plain http."""


@dataclass(frozen=True, slots=True)
class Visit:
    """An admitted request: who asks, for what, and what the forwarding fields will say."""

    head: RequestHead
    client: Client
    host: str
    port: int
    scheme: str
    request_id: str
    control: Control
    websocket: bool
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One endpoint to try, in the order of `Forward.candidates`."""

    tenant: str | None
    """None for the default backend."""
    source: str
    scheme: Scheme
    address: str
    port: int
    server_name: str
    """SNI and, for public certificates, the verified name."""
    user_id: str | None = None
    """What a private CA's certificate must carry as its CN."""
    route: Route | None = None


@dataclass(frozen=True, slots=True)
class NeedsRoutes:
    """Ask the resolver for `visit.tenant`, then `choose`."""

    visit: Visit


@dataclass(frozen=True, slots=True)
class Forward:
    """Carry the request to the first candidate that takes it."""

    visit: Visit
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """One of the gateway's own answers. `visit` is missing where the request was refused before it was understood."""

    answer: Failure | OwnPath
    request_id: str
    client: str
    visit: Visit | None = None
    host: str | None = None
    tenant: str | None = None
    last_seen_online: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Brain:
    """The parts that decisions are made with; only `health` and `limiter` change."""

    settings: Settings
    health: HealthTable
    limiter: RateLimiter
    loop_token: str
    new_id: Callable[[], str]

    def admit(self, head: RequestHead, arrival: Arrival, *, now: float) -> Reply | Forward | NeedsRoutes:
        """Who asks, for which name, and may they? `now` is monotonic seconds."""
        client = identify_client(arrival.peer, head.fields, self.settings.trusted_proxies)
        identity = request_id(head, client, self.new_id)
        if (own := own_path(head, arrival)) and not is_loop(head, self.loop_token):
            return Reply(own, identity, client.address, host=head.authority)
        if refusal := self._refusal(head, arrival, client, now):
            return Reply(refusal.failure, identity, client.address, reason=refusal.reason)
        asked = control(head, client)
        name = parse_host(asked.route_host or head.authority, self.settings.server_domain)
        if refusal := self._refusal_of_name(name, head, arrival):
            return Reply(refusal.failure, identity, client.address, host=name.host, reason=refusal.reason)
        visit = self._visit(head, client, arrival, name=name, asked=asked, identity=identity)
        if name.kind is HostKind.TENANT:
            return NeedsRoutes(visit)
        assert self.settings.default_backend  # noqa: S101 - or the name would have been refused
        return Forward(visit, (default_candidate(self.settings.default_backend),))

    def _refusal(self, head: RequestHead, arrival: Arrival, client: Client, now: float) -> Rejection | None:
        """Why the request is not served, whatever name it asks for."""
        if is_loop(head, self.loop_token):
            return Rejection(Failure.LOOP_DETECTED, "the request passed this gateway before")
        if arrival.listener is Listener.ADMIN:
            return Rejection(Failure.FOREIGN_HOST, "the admin port serves own paths only")
        if not arrival.accepting:
            return Rejection(Failure.UNAVAILABLE, "draining or over capacity")
        if not self.limiter.allow(client.address, now):
            return Rejection(Failure.RATE_LIMITED, f"more than {self.settings.rate_limit} requests per second")
        if (head.body.length or 0) > self.settings.max_body_size:
            return Rejection(Failure.BODY_TOO_LARGE, f"content-length {head.body.length}")
        return None

    def _refusal_of_name(self, name: HostName, head: RequestHead, arrival: Arrival) -> Rejection | None:
        """Why nothing is served under this name, or not on this connection."""
        if name.kind is HostKind.MALFORMED:
            return Rejection(Failure.INVALID_HOST, f"host {head.authority[:200]!r}")
        if arrival.same_certificate and not arrival.same_certificate(name.host):
            return Rejection(Failure.MISDIRECTED, "not under the certificate of this connection")
        if name.kind is not HostKind.TENANT and not self.settings.default_backend:
            return Rejection(Failure.FOREIGN_HOST, "no tenant's name")
        return None

    def choose(self, visit: Visit, resolution: Resolution, *, now: float) -> Reply | Forward:
        """Where the tenant lives by what the resolver answered. `now` is monotonic seconds."""

        def refuse(failure: Failure) -> Reply:
            last_seen = resolution.routes.last_seen_online if resolution.routes else None
            return Reply(
                failure,
                visit.request_id,
                visit.client.address,
                visit,
                visit.host,
                visit.tenant,
                last_seen,
            )

        match resolution.standing:
            case Standing.UNKNOWN:
                return refuse(Failure.DOMAIN_NOT_FOUND)
            case Standing.OFFLINE:
                return refuse(Failure.NO_ROUTES)
            case Standing.UNAVAILABLE:
                return refuse(Failure.RESOLVER_UNAVAILABLE)
            case Standing.KNOWN:
                return Forward(visit, self._candidates(visit, resolution, now))
            case _:
                assert_never(resolution.standing)

    def edit(self, visit: Visit) -> tuple[Field, ...]:
        """The field list that the upstream gets; framing is the path's."""
        forwarding = Forwarding(
            client=visit.client,
            host=visit.host,
            port=visit.port,
            scheme=visit.scheme,
            request_id=visit.request_id,
            loop_token=self.loop_token,
            websocket=visit.websocket,
        )
        return forwarded_fields(visit.head, forwarding)

    def _visit(
        self,
        head: RequestHead,
        client: Client,
        arrival: Arrival,
        *,
        name: HostName,
        asked: Control,
        identity: str,
    ) -> Visit:
        scheme = public_scheme(head, client, arrival.scheme)
        return Visit(
            head=head,
            client=client,
            host=name.host,
            port=public_port(head, client, given=name.port, scheme=scheme),
            scheme=scheme,
            request_id=identity,
            control=asked,
            websocket=is_websocket(head, client),
            tenant=name.tenant,
        )

    def _candidates(self, visit: Visit, resolution: Resolution, now: float) -> tuple[Candidate, ...]:
        tenant, found = resolution.tenant, resolution.routes
        assert found  # noqa: S101 - KNOWN says so
        chosen = candidates(
            found.routes,
            is_up=lambda route: self.health.is_up(tenant, route, now),
            prefer=visit.control.prefer,
        )
        return tuple(
            Candidate(
                tenant=tenant,
                source=route.source,
                scheme=route.scheme,
                address=route.ip,
                port=route.port,
                server_name=visit.host,
                user_id=found.user_id,
                route=route,
            )
            for route in chosen
        )


def own_path(head: RequestHead, arrival: Arrival) -> OwnPath | None:
    """The gateway's own path that is asked for here, if any.

    Health answers on any host. Readiness and metrics answer on the admin port; metrics also on the public ports to
    loopback peers, but not through a local edge, whose every request comes from loopback: it names its client.
    """
    if not head.target.startswith("/_") or head.method not in ("GET", "HEAD"):
        return None
    path = head.target.partition("?")[0]
    if path == OwnPath.HEALTH.value:
        return OwnPath.HEALTH
    if arrival.listener is Listener.ADMIN and path in (OwnPath.READY.value, OwnPath.METRICS.value):
        return OwnPath(path)
    if path == OwnPath.METRICS.value and is_loopback(arrival.peer) and not _is_relayed(head):
        return OwnPath.METRICS
    return None


# What an edge on this machine adds to the requests that it relays.
MARKS_OF_AN_EDGE = (b"x-forwarded-for", b"x-forwarded-proto", b"x-real-ip", b"forwarded", b"via", b"cf-connecting-ip")


def is_loopback(address: str) -> bool:
    """Whether `address` is a loopback literal, IPv4-mapped forms included."""
    ip = ip_address(address.partition("%")[0])
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback


def _is_relayed(head: RequestHead) -> bool:
    return any(head.first(name) is not None for name in MARKS_OF_AN_EDGE)


def default_candidate(url: str) -> Candidate:
    """The endpoint of `DEFAULT_BACKEND`; the operator named it, so no address policy applies."""
    parts = urlsplit(url)
    scheme = Scheme(parts.scheme)
    host = parts.hostname or ""
    port = parts.port or (443 if scheme is Scheme.HTTPS else 80)
    return Candidate(None, "default", scheme, host, port, server_name=host)


def mesh_route(failed: list[str], served: str | None) -> str:
    """The value of `X-Mesh-Route`: the sources that failed, the one that served, and who answers (CONTRACT part 5)."""
    return ",".join([*failed, served, "pcs"] if served is not None else [*failed, "failed"])
