"""The request's way on one page: from its head to where it goes, or to the gateway's own answer.

    admit    own path? limits, loop, host to tenant           -> Reply | Forward | NeedsRoutes
    (await)  the caller asks the resolver for the tenant's routes
    choose   what the API said, candidates by priority and health -> Reply | Forward
    edit     the field list for the upstream                   -> fields

No I/O, no clock, no mitmproxy: the flow path and the fast path share it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, unique
from ipaddress import ip_address
from typing import NamedTuple, assert_never
from urllib.parse import urlsplit

from mesh_gateway.routing.candidates import candidates
from mesh_gateway.routing.client import Client, identify_client
from mesh_gateway.routing.control import Control, control
from mesh_gateway.routing.fields import Field, FieldSection
from mesh_gateway.routing.forwarding import ForwardedFields, Forwarding, forwarded_fields
from mesh_gateway.routing.head import Rejection, RequestHead
from mesh_gateway.routing.health import HealthTable
from mesh_gateway.routing.hostname import HostKind, HostName, parse_host
from mesh_gateway.routing.limits import RateLimiter
from mesh_gateway.routing.loop import is_loop
from mesh_gateway.routing.public_side import public_port, public_scheme, told_request_id
from mesh_gateway.routing.recent import LONGEST_KEPT
from mesh_gateway.routing.redirect import HTTPS_PORT, Redirect, to_https
from mesh_gateway.routing.resolution import Resolution, Standing
from mesh_gateway.routing.routes import Route, RouteSet, Scheme
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


OwnAnswer = OwnPath | Redirect
"""What the gateway answers itself where nothing has failed."""


@dataclass(slots=True)
class Introduction:
    """What the field section of a request says of who asks and for what, worked out once on each connection.

    A client on a kept connection repeats itself: only its method and target change. The last three are filled in when
    they are first asked for.
    """

    section: FieldSection
    authority: str
    client: Client
    told_id: str | None
    """The request's id, where a trusted peer told one."""
    is_loop: bool
    control: Control
    name: HostName
    misdirected: bool
    """Whether the name is served under another certificate than the connection's."""
    scheme: str
    port: int
    forwarded: ForwardedFields | None = None
    routes: RouteSet | None = None
    candidates: "tuple[Candidate, ...]" = ()


# A browser says two or three different sections on one connection.
REMEMBERED = 3


@dataclass(frozen=True, slots=True)
class Arrival:
    """How requests of one connection reach the gateway."""

    peer: str
    """The address at the other end of the socket."""
    scheme: str
    """`http` or `https`, as spoken on that socket."""
    listener: Listener
    accepting: bool
    """False while draining or over capacity."""
    same_certificate: Callable[[str], bool] | None
    """Whether a host is served under the certificate that this connection was made with; None for plain http."""
    introductions: list[Introduction] = field(default_factory=list, compare=False, repr=False)
    """Those that came over this connection, the last few."""


class Visit(NamedTuple):
    """An admitted request: who asks, for what, and what the forwarding fields will say."""

    head: RequestHead
    introduction: Introduction
    request_id: str
    websocket: bool

    @property
    def client(self) -> Client:
        return self.introduction.client

    @property
    def host(self) -> str:
        return self.introduction.name.host

    @property
    def port(self) -> int:
        return self.introduction.port

    @property
    def scheme(self) -> str:
        """Exactly `http` or `https`: how the client spoke."""
        return self.introduction.scheme

    @property
    def control(self) -> Control:
        return self.introduction.control

    @property
    def tenant(self) -> str | None:
        return self.introduction.name.tenant


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
    endpoint: str = field(init=False, repr=False, compare=False)
    """`ip:port`, with brackets where IPv6 needs them."""
    identity: str = field(init=False, repr=False, compare=False)
    """What two exchanges must have in common to use one upstream connection after each other (CONTRACT part 8)."""

    def __post_init__(self) -> None:
        address = f"[{self.address}]" if ":" in self.address else self.address
        object.__setattr__(self, "endpoint", f"{address}:{self.port}")
        # No part can hold a blank: addresses, names of the DNS, labels; the id, which could, comes last.
        names = f"{self.tenant} {self.server_name} {self.user_id}"
        object.__setattr__(self, "identity", f"{self.scheme.value} {self.endpoint} {names}")


class NeedsRoutes(NamedTuple):
    """Ask the resolver for `visit.tenant`, then `choose`."""

    visit: Visit


class Forward(NamedTuple):
    """Carry the request to the first candidate that takes it."""

    visit: Visit
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """One of the gateway's own answers. `visit` is missing where the request was refused before it was understood."""

    answer: Failure | OwnAnswer
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
    has_certificate: Callable[[str], bool] = lambda _: False
    """Whether https is served here under a host's name now."""

    def admit(self, head: RequestHead, arrival: Arrival, *, now: float) -> Reply | Forward | NeedsRoutes:
        """Who asks, for which name, and may they? `now` is monotonic seconds."""
        known = self._introduction(head, arrival)
        client, name = known.client, known.name
        identity = known.told_id or self.new_id()
        if (own := own_path(head, arrival)) and not known.is_loop:
            return Reply(own, identity, client.address, host=head.authority)
        if refusal := self._refusal(head, arrival, known, now):
            return Reply(refusal.failure, identity, client.address, reason=refusal.reason)
        if refusal := self._refusal_of_name(known):
            return Reply(refusal.failure, identity, client.address, host=name.host, reason=refusal.reason)
        if redirect := self._redirect(head, known):
            return Reply(redirect, identity, client.address, host=name.host)
        visit = Visit(head, known, identity, is_websocket(head, client))
        if name.kind is HostKind.TENANT:
            return NeedsRoutes(visit)
        assert self.settings.default_backend  # noqa: S101 - or the name would have been refused
        return Forward(visit, (default_candidate(self.settings.default_backend),))

    def _introduction(self, head: RequestHead, arrival: Arrival) -> Introduction:
        """What is known of the sender of `head`, from this request or one like it on the same connection."""
        for known in arrival.introductions:
            if known.section is head.fields and known.authority == head.authority:
                return known
        known = self._introduce(head, arrival)
        if sum(len(name) + len(value) for name, value in head.fields) > LONGEST_KEPT:
            return known
        if len(arrival.introductions) >= REMEMBERED:
            del arrival.introductions[0]
        arrival.introductions.append(known)
        return known

    def _introduce(self, head: RequestHead, arrival: Arrival) -> Introduction:
        client = identify_client(arrival.peer, head.fields, self.settings.trusted_proxies)
        asked = control(head, client)
        name = parse_host(asked.route_host or head.authority, self.settings.server_domain)
        is_ours = not arrival.same_certificate or name.kind is HostKind.MALFORMED or arrival.same_certificate(name.host)
        scheme = public_scheme(head, client, arrival.scheme)
        return Introduction(
            section=head.fields,
            authority=head.authority,
            client=client,
            told_id=told_request_id(head, client),
            is_loop=is_loop(head, self.loop_token),
            control=asked,
            name=name,
            misdirected=not is_ours,
            scheme=scheme,
            port=public_port(head, client, given=name.port, scheme=scheme),
        )

    def _refusal(self, head: RequestHead, arrival: Arrival, known: Introduction, now: float) -> Rejection | None:
        """Why the request is not served, whatever name it asks for."""
        if known.is_loop:
            return Rejection(Failure.LOOP_DETECTED, "the request passed this gateway before")
        if arrival.listener is Listener.ADMIN:
            return Rejection(Failure.FOREIGN_HOST, "the admin port serves own paths only")
        if not arrival.accepting:
            return Rejection(Failure.UNAVAILABLE, "draining or over capacity")
        if not self.limiter.allow(known.client.address, now):
            return Rejection(Failure.RATE_LIMITED, f"more than {self.settings.rate_limit} requests per second")
        if (head.body.length or 0) > self.settings.max_body_size:
            return Rejection(Failure.BODY_TOO_LARGE, f"content-length {head.body.length}")
        return None

    def _refusal_of_name(self, known: Introduction) -> Rejection | None:
        """Why nothing is served under this name, or not on this connection."""
        if known.name.kind is HostKind.MALFORMED:
            return Rejection(Failure.INVALID_HOST, f"host {known.authority[:200]!r}")
        if known.misdirected:
            return Rejection(Failure.MISDIRECTED, "not under the certificate of this connection")
        if known.name.kind is not HostKind.TENANT and not self.settings.default_backend:
            return Rejection(Failure.FOREIGN_HOST, "no tenant's name")
        return None

    def _redirect(self, head: RequestHead, known: Introduction) -> Redirect | None:
        """To https, where it is wanted and there: at a trusted edge that says `http`, by the usual port, or here."""
        if not self.settings.https_redirect or known.scheme == "https":
            return None
        if public_scheme(head, known.client, spoken="") == "http":  # a peer that says nothing may have no https at all
            return to_https(known.name.host, head.target, port=HTTPS_PORT)
        if self.settings.ssl_port is None or not self.has_certificate(known.name.host):
            return None
        return to_https(known.name.host, head.target, port=self.settings.ssl_port)

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
        return self.forwarded(visit).with_id(visit.request_id)

    def forwarded(self, visit: Visit) -> ForwardedFields:
        """The same but for the request's id, remembered with the visit's introduction."""
        known = visit.introduction
        if visit.websocket or visit.head.fields is not known.section:  # the second: somebody has edited the flow
            return self._forwarded(visit)
        if known.forwarded is None:
            known.forwarded = self._forwarded(visit)
        return known.forwarded

    def _forwarded(self, visit: Visit) -> ForwardedFields:
        forwarding = Forwarding(
            client=visit.client,
            host=visit.host,
            port=visit.port,
            scheme=visit.scheme,
            loop_token=self.loop_token,
            websocket=visit.websocket,
        )
        return forwarded_fields(visit.head, forwarding)

    def _candidates(self, visit: Visit, resolution: Resolution, now: float) -> tuple[Candidate, ...]:
        tenant, found, known = resolution.tenant, resolution.routes, visit.introduction
        assert found  # noqa: S101 - KNOWN says so
        if found is known.routes and self.health.is_clean:
            return known.candidates
        known.routes, known.candidates = found, self._ordered(visit, tenant, found, now)
        if not self.health.is_clean:
            known.routes = None
        return known.candidates

    def _ordered(self, visit: Visit, tenant: str, found: RouteSet, now: float) -> tuple[Candidate, ...]:
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
