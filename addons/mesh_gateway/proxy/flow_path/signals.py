"""What do the flow path's layers say to each other and to the connection, beyond mitmproxy's own words?

Hooks are mitmproxy's one way for a sans-IO layer to wait for something: a blocking hook pauses the layer that yields
it, and only that one, until the answer is there.
"""

from dataclasses import dataclass

from mitmproxy.connection import Connection
from mitmproxy.proxy.commands import StartHook
from mitmproxy.proxy.layers.http import GetHttpConnection, HttpEvent, RequestHeaders, ResponseHeaders

from mesh_gateway.pipeline import Candidate
from mesh_gateway.routing.fields import FieldSection
from mesh_gateway.routing.head import RequestHead
from mesh_gateway.routing.resolution import Resolution


@dataclass
class Question:
    """A tenant whose routes a stream waits for."""

    tenant: str
    answer: Resolution | None = None


@dataclass
class GatewayResolveHook(StartHook):
    """Pauses a stream until the addon has answered its question."""

    question: Question


@dataclass
class GatewayDrainHook(StartHook):
    """Pauses a stream until the bytes written to a connection have left the process, or the connection is gone."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class Reading:
    """Whether bytes of a connection may be read from now on."""

    connection: Connection
    allowed: bool


@dataclass
class GatewayReadingHook(StartHook):
    """Starts or stops the reading from a connection, so that bytes nobody can take do not pile up in memory."""

    reading: Reading
    blocking = False


@dataclass
class HeadReceived(RequestHeaders):
    """Request headers with the head that was read strictly from the wire."""

    head: RequestHead | None = None


@dataclass
class AnswerReceived(ResponseHeaders):
    """Response headers that kept every rule of `routing/http1_answer.py`, and the fields as it read them."""

    fields: FieldSection | None = None


@dataclass
class DataConsumed(HttpEvent):
    """So many body bytes of a stream were passed on: an HTTP/2 codec may open the window again."""

    length: int


@dataclass
class StopReading(HttpEvent):
    """The answer is complete and the rest of the request is not wanted (RFC 9112 9.6, RFC 9113 8.1)."""


@dataclass
class DeadlinePassed(HttpEvent):
    """A stream's time is up."""


@dataclass
class DrainBegun(HttpEvent):
    """The client shall send no further request over this connection after those that are on their way."""


@dataclass
class LeaseConnection(GetHttpConnection):
    """Ask for an upstream connection to one candidate, for this stream alone until its exchange is over."""

    stream_id: int = 0
    candidate: Candidate | None = None
    http2: bool = False
    """Whether HTTP/2 may be spoken to the upstream (gRPC needs it for trailers)."""
    fresh: bool = False
    """Whether an idle connection will not do, because the request could not be repeated if it broke."""
    reused: bool = False
    """Set with the answer: the connection has served before."""
    tls_failed: bool = False
    """Set with the answer: the peer took the connection, and TLS with it failed."""

    __hash__ = GetHttpConnection.__hash__
