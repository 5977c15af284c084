"""What does a running gateway consist of, and what do its ways through mitmproxy ask of it?"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mitmproxy import http
from mitmproxy.connection import Client

from mesh_gateway import pages
from mesh_gateway.observe import decisions
from mesh_gateway.observe.access_log import AccessLog
from mesh_gateway.observe.exchange import Exchange
from mesh_gateway.observe.labels import HandshakeFailure
from mesh_gateway.observe.metrics import Metrics
from mesh_gateway.pages import Answer
from mesh_gateway.pipeline import Arrival, Brain, Candidate, Forward, Listener, OwnAnswer, OwnPath, Visit, mesh_route
from mesh_gateway.proxy.admission import Admission
from mesh_gateway.proxy.certificates.absence import why_no_https
from mesh_gateway.proxy.certificates.greeting import Greeting
from mesh_gateway.proxy.certificates.sightings import Sightings
from mesh_gateway.proxy.certificates.table import Certificates
from mesh_gateway.proxy.certificates.watch import Sight
from mesh_gateway.proxy.flow_path.messages import Glimpse
from mesh_gateway.proxy.upstream_tls import UpstreamTls
from mesh_gateway.resolve.resolver import Resolver
from mesh_gateway.routing.head import HeadLimits, Rejection
from mesh_gateway.routing.redirect import Redirect, transport_security
from mesh_gateway.routing.verdicts import VERDICTS, Failure
from mesh_gateway.settings import Settings

FAILURE_MARK = ":red_circle:"
MAX_SWEEP_SECONDS = 5.0


class Abortable(Protocol):
    """A client connection."""

    def abort(self) -> None:
        """End it at once."""


@dataclass(slots=True)
class Worker:
    """The parts of one gateway process. Mutable here: who is in flight, and whether it drains."""

    settings: Settings
    brain: Brain
    resolver: Resolver
    upstream_tls: UpstreamTls
    access_log: AccessLog | None
    metrics: Metrics
    admission: Admission
    inspect_body_size: int
    """Bodies up to so many bytes are collected for someone who looks on."""
    clock: Callable[[], float] = time.monotonic
    certificates: Certificates = field(default_factory=Certificates)
    """What serves now: swapped whole by `adopt`."""
    sight: Sight | None = None
    """What the folder of certificates held when it was last looked at."""
    certified: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a certificate serves."""
    greeting: Greeting = field(init=False)
    sightings: Sightings = field(init=False)
    draining: bool = False
    retiring: bool = False
    """Whether the script was loaded anew and another worker takes the new connections."""
    connections: set["Abortable"] = field(default_factory=set)
    """The client connections that this worker serves."""
    listening: bool = False
    in_flight: int = 0
    head_limits: HeadLimits = field(init=False)
    hsts: bytes | None = field(init=False)
    sweep_seconds: float = field(init=False)
    """How often a connection looks at its deadlines: a quarter of the shortest, at most five seconds."""

    def __post_init__(self) -> None:
        settings = self.settings
        self.hsts = transport_security(settings.hsts)
        # not the method itself: the table is swapped
        self.greeting = Greeting(lambda name: self.certificates.select(name), self.clock)  # noqa: PLW0108
        self.sightings = Sightings(settings.server_domain)
        self.head_limits = HeadLimits(settings.max_header_size, settings.max_header_fields, settings.max_target_size)
        shortest = min(
            settings.first_byte_timeout,
            settings.idle_timeout,
            settings.tunnel_idle_timeout,
            settings.header_timeout,
            settings.keepalive_timeout,
        )
        self.sweep_seconds = min(shortest / 4, MAX_SWEEP_SECONDS)

    # Certificates come and go.

    def adopt(self, sight: Sight) -> None:
        """Serve what the folder of certificates holds now. Connections keep what they were made with."""
        outlook, metrics = sight.outlook, self.metrics.certificates
        self.sight = sight
        self.certificates = outlook.table
        metrics.reloaded(successes=outlook.successes, failures=outlook.failures)
        metrics.serving(
            {each.name: each.not_after.timestamp() for each in outlook.table.all}, refused=len(outlook.refused)
        )
        metrics.told(sight.renewals)
        if len(outlook.table):
            self.certified.set()

    def why_no_handshake(self, server_name: str | None) -> HandshakeFailure:
        """Whose fault it is that a client has no TLS; a name that wants a certificate is told of."""
        if self.certificates.select(server_name):
            return HandshakeFailure.CLIENT
        self.sightings.refused(server_name, self.certificates)
        return HandshakeFailure.UNKNOWN_SNI if server_name else HandshakeFailure.NO_SNI

    # A request arrives.

    def arrival(self, client: Client, listener: Listener) -> Arrival:
        """How requests on `client` reach the gateway, while it accepts them."""
        same = None
        if client.tls:
            server_name = client.sni

            def same(host: str) -> bool:
                return self.certificates.are_same(server_name, host)

        return Arrival(
            peer=client.peername[0],
            scheme="https" if client.tls else "http",
            listener=listener,
            accepting=True,
            same_certificate=same,
        )

    def open_record(self, *, request_id: str, client: str, tls: str | None, via: str) -> Exchange:
        """Open the record of a request; `finish` closes it."""
        self.in_flight += 1
        self.metrics.exchange_began()
        return Exchange(
            request_id=request_id, client=client, started_at=time.time(), started=self.clock(), tls=tls, via=via
        )

    def begin(self, client: Client, request: http.Request | None) -> Exchange:
        """Open the record of a flow's request."""
        tls = client.tls_version if client.tls else None
        exchange = self.open_record(request_id=self.brain.new_id(), client=client.peername[0], tls=tls, via="flow")
        if request:
            exchange.protocol = request.http_version
            exchange.method = request.method
            exchange.path = request.path
            exchange.host = request.authority or request.headers.get("host", "")
        return exchange

    def describe(self, exchange: Exchange, visit: Visit) -> None:
        """Write down what the brain understood of the request."""
        exchange.request_id = visit.request_id
        exchange.client = visit.client.address
        exchange.host = visit.host
        exchange.tenant = visit.tenant

    @property
    def keeps_connections(self) -> bool:
        """Whether a client may send its next request over the same connection."""
        return not (self.draining or self.retiring)

    @property
    def is_accepting(self) -> bool:
        """Whether a request is served at all."""
        return not self.draining and self.in_flight <= self.settings.max_exchanges

    # It ends.

    def finish(self, exchange: Exchange, flow: http.HTTPFlow | None = None) -> None:
        """Close the record and hand it to the observers; once per exchange."""
        exchange.ended = self.clock()
        self.in_flight -= 1
        if flow:
            self.annotate(exchange, flow)
        self.metrics.exchange_ended(exchange)
        if self.access_log:
            self.access_log.write(exchange)

    def annotate(self, exchange: Exchange, flow: http.HTTPFlow) -> None:
        """Show on the flow what was decided."""
        flow.comment = decisions.comment(exchange)
        flow.metadata.update(decisions.metadata(exchange))
        if exchange.failure:
            flow.marked = FAILURE_MARK

    # The gateway answers itself.

    def refuse_unread(self, client: Client, rejection: Rejection, seen: Glimpse) -> http.Response:
        """Record and answer what was not a request; the connection ends with it."""
        exchange = self.begin(client, None)
        page = to_response(self.refusal(exchange, rejection, seen))
        page.headers["X-Request-ID"] = exchange.request_id
        page.headers["Connection"] = "close"
        return page

    def refusal(self, exchange: Exchange, rejection: Rejection, seen: Glimpse) -> Answer:
        """The answer to what was not a request, whose record ends with it."""
        exchange.failure, exchange.reason = rejection.failure, rejection.reason
        exchange.status = VERDICTS[rejection.failure].status
        exchange.method = seen.method
        answer = self.failure_answer(rejection.failure, exchange, accept=seen.accept)
        exchange.bytes_sent = len(answer.body)
        self.finish(exchange)
        return answer

    def failure_page(
        self, failure: Failure, exchange: Exchange, *, accept: bytes | None, last_seen_online: str | None
    ) -> http.Response:
        """The answer to a flow's client for `failure`."""
        return to_response(self.failure_answer(failure, exchange, accept=accept, last_seen_online=last_seen_online))

    def failure_answer(
        self, failure: Failure, exchange: Exchange, *, accept: bytes | None, last_seen_online: str | None = None
    ) -> Answer:
        """The answer to a client for `failure`."""
        return pages.failure_answer(
            failure,
            request_id=exchange.request_id,
            accept=accept,
            host=exchange.host,
            last_seen_online=last_seen_online,
        )

    def own_page(self, own: OwnAnswer) -> http.Response:
        """Health, readiness, metrics or a redirect, for a flow."""
        return to_response(self.own_answer(own))

    def own_answer(self, own: OwnAnswer) -> Answer:
        """Health, readiness, metrics or a redirect."""
        match own:
            case OwnPath.HEALTH:
                return pages.health_answer()
            case OwnPath.READY:
                reasons = self.unready_reasons()
                return pages.ready_answer(not reasons, reasons, self.ready_notes())
            case OwnPath.METRICS:
                return pages.metrics_answer(*self.metrics.render())
            case Redirect(location=location):
                return pages.redirect_answer(location)

    def transport_security(self, exchange: Exchange, forward: Forward | None) -> bytes | None:
        """What an answer says of https for the time to come; None over http, and where nothing is set."""
        if self.hsts is None or not (exchange.tls or (forward and forward.visit.scheme == "https")):
            return None
        return self.hsts

    def unready_reasons(self) -> tuple[str, ...]:
        """Why no load balancer should send requests here now; empty when it should."""
        reasons = {
            "draining": self.draining,
            "not listening": not self.listening,
            "routes cannot be resolved": not self.resolver.ready,
        }
        return tuple(reason for reason, applies in reasons.items() if applies)

    def ready_notes(self) -> tuple[str, ...]:
        """What is missing, though requests can be sent here."""
        if self.settings.ssl_port is None or len(self.certificates):
            return ()
        return (why_no_https(self.settings, self.sight, time.time()),)

    # Routes.

    def route_failed(self, candidate: Candidate) -> None:
        """A route could not be connected to, or broke before it answered."""
        if candidate.tenant and candidate.route:
            self.brain.health.failed(candidate.tenant, candidate.route, self.clock())

    def route_answered(self, candidate: Candidate) -> None:
        """A route answered, whatever it said."""
        if candidate.tenant and candidate.route:
            self.brain.health.succeeded(candidate.tenant, candidate.route)

    def mesh_route(self, exchange: Exchange, forward: Forward | None) -> str | None:
        """The value of `X-Mesh-Route`, for clients that asked for it."""
        if not (forward and forward.visit.control.trace and exchange.attempts):
            return None
        failed = [attempt.source for attempt in exchange.attempts if attempt.error]
        last = exchange.attempts[-1]
        return mesh_route(failed, None if last.error else last.source)


def to_response(answer: Answer) -> http.Response:
    """A page as mitmproxy's response."""
    response = http.Response.make(answer.status, answer.body, http.Headers(answer.fields))
    response.data.reason = answer.reason
    response.headers["Date"] = http_date(time.time())
    return response


def http_date(moment: float) -> str:
    """IMF-fixdate (RFC 9110 5.6.7)."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(math.floor(moment)))
