"""Which upstream connection does an exchange get, and who must wait for whom?

One layer per client connection: it lends each upstream connection to one exchange at a time, so that a stalled
exchange never stalls another and no tenant's connection serves a second one, and it keeps every buffer bounded.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, override

from mitmproxy.connection import Connection, ConnectionState, Server
from mitmproxy.proxy import commands, events, layer, tunnel
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.layers.http import (
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HttpLayer,
    HTTPMode,
    RegisterHttpConnection,
)

from mesh_gateway.pipeline import Arrival, Candidate, Listener
from mesh_gateway.proxy.flow_path.http1 import GatewayHttp1Server
from mesh_gateway.proxy.flow_path.http2 import GatewayHttp2Client, GatewayHttp2Server
from mesh_gateway.proxy.flow_path.signals import (
    DataConsumed,
    DeadlinePassed,
    DrainBegun,
    GatewayReadingHook,
    LeaseConnection,
    Reading,
)
from mesh_gateway.proxy.flow_path.stream import GatewayStream
from mesh_gateway.proxy.flow_path.upstream_http1 import GatewayHttp1Client
from mesh_gateway.routing.routes import Scheme

if TYPE_CHECKING:
    from mesh_gateway.proxy.worker import Worker

# Bytes of one exchange that may wait in memory before the peer that sends them is not read any more.
HIGH_WATER = 262_144
LOW_WATER = 65_536
# Idle upstream connections that one client connection keeps; the one opened first goes first.
MAX_IDLE = 32
CONNECT_TIMEOUT = "connect timeout"
CLIENT_LEFT = "the client left"
GIVEN_UP = frozenset({CONNECT_TIMEOUT, CLIENT_LEFT})

Key = tuple[str | None, Scheme, str, int, str, bool]


def _key(candidate: Candidate, http2: bool) -> Key:
    """What two exchanges must have in common to use one upstream connection after each other (CONTRACT part 8)."""
    return (
        candidate.tenant,
        candidate.scheme,
        candidate.address,
        candidate.port,
        candidate.server_name,
        http2,
    )


@dataclass(slots=True)
class Upstream:
    """One upstream connection of this client connection."""

    key: Key
    http: "UpstreamHttp"
    stream_id: int | None
    """The exchange that has it on loan, or had it last."""


class UpstreamHttp(layer.Layer):
    """Opens an upstream connection, then speaks the protocol that was agreed on."""

    codec: GatewayHttp1Client | GatewayHttp2Client | None = None

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        error: str | None = None
        if not self.context.server.connected:
            error = yield commands.OpenConnection(self.context.server)
        if not error:
            is_http2 = self.context.server.alpn == b"h2"
            self.codec = (GatewayHttp2Client if is_http2 else GatewayHttp1Client)(self.context)
            self._handle_event = self.codec.handle_event  # type: ignore[method-assign]
            yield from self.codec.handle_event(event)
        yield RegisterHttpConnection(self.context.server, error)

    @property
    def idle(self) -> bool:
        """Whether the connection could serve an exchange now."""
        return self.codec is not None and self.codec.idle

    @property
    def backlog(self) -> int:
        """Bytes for the upstream that wait for its window."""
        return self.codec.backlog if isinstance(self.codec, GatewayHttp2Client) else 0


class GatewayHttpLayer(HttpLayer):
    """mitmproxy's HTTP layer with the gateway's streams, codecs and upstream connections."""

    streams: dict[int, GatewayStream]  # type: ignore[assignment]

    def __init__(self, context: Context, worker: "Worker", listener: Listener = Listener.PUBLIC) -> None:
        super().__init__(context, HTTPMode.transparent)
        self.worker = worker
        self._listener = listener
        self._arrival: Arrival | None = None
        self._upstreams: dict[Server, Upstream] = {}
        self._stopped: set[Connection] = set()
        self._sweep: commands.RequestWakeup | None = None
        self._watches: dict[commands.RequestWakeup, Server] = {}

    @override
    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.Start):
            if self.context.client not in self.connections:  # client replay brings its own
                is_http2 = self.context.client.alpn == b"h2"
                codec = (GatewayHttp2Server if is_http2 else GatewayHttp1Server)(self.context.fork(), self.worker)
                self.connections[self.context.client] = codec
            yield from super()._handle_event(event)
            yield from self._request_sweep()
        elif isinstance(event, events.Wakeup) and event.command is self._sweep:
            yield from self._sweep_deadlines()
            yield from self._request_sweep()
        elif isinstance(event, events.Wakeup) and event.command in self._watches:
            yield from self._give_up(self._watches.pop(event.command), CONNECT_TIMEOUT)
        elif isinstance(event, DrainBegun):
            yield from self.event_to_child(self.connections[self.context.client], event)
        elif isinstance(event, events.ConnectionEvent) and event.connection not in self.connections:
            pass  # the last words of a connection that was given up
        elif isinstance(event, events.HookCompleted) and event.command not in self.command_sources:
            pass  # it is not waited for any more
        else:
            yield from super()._handle_event(event)
        self._forget_closed()
        yield from self._balance()

    @override
    def make_stream(self, stream_id: int) -> layer.CommandGenerator[None]:
        if self._arrival is None:
            self._arrival = self.worker.arrival(self.context.client, self._listener)
        stream = GatewayStream(_fork(self.context), stream_id, self.worker, self._arrival)
        self.streams[stream_id] = stream
        yield from self.event_to_child(stream, events.Start())

    # Upstream connections.

    @override
    def get_connection(self, event: GetHttpConnection, *, reuse: bool = True) -> layer.CommandGenerator[None]:
        assert isinstance(event, LeaseConnection)  # noqa: S101 - GatewayStream asks for nothing else
        assert event.candidate  # noqa: S101
        key = _key(event.candidate, event.http2)
        server = self._idle(key)
        if server and not event.fresh:
            self._upstreams[server].stream_id = event.stream_id
            event.reused = True
            stream = self.command_sources.pop(event)
            yield from self.event_to_child(stream, GetHttpConnectionCompleted(event, (server, None)))
        else:
            yield from self._make_room(server)
            yield from self._connect(event, key)

    def _make_room(self, passed_over: Server | None) -> layer.CommandGenerator[None]:
        """Close idle connections that a new one replaces, or that are too many; else they add up for the client's life."""
        idle = [server for server, upstream in self._upstreams.items() if upstream.http.idle]
        surplus = {passed_over} if passed_over else set(idle[: max(0, len(idle) - MAX_IDLE + 1)])
        for server in surplus:
            if server.connected:
                yield commands.CloseConnection(server)

    def _idle(self, key: Key) -> Server | None:
        for server, upstream in self._upstreams.items():
            if upstream.key == key and upstream.http.idle and server.state is ConnectionState.OPEN:
                return server
        return None

    def _connect(self, event: LeaseConnection, key: Key) -> layer.CommandGenerator[None]:
        candidate = event.candidate
        assert candidate  # noqa: S101 - checked by get_connection
        context = self.context.fork()
        context.server = Server(address=(candidate.address, candidate.port))
        stack = tunnel.LayerStack()
        if candidate.scheme is Scheme.HTTPS:
            context.server.sni = candidate.server_name
            context.server.alpn_offers = (b"h2", b"http/1.1") if event.http2 else (b"http/1.1",)
            self.worker.upstream_tls.expect(context.server, candidate)
            stack /= tls.ServerTLSLayer(context)
        http = UpstreamHttp(context)
        stack /= http
        self._upstreams[context.server] = Upstream(key, http, event.stream_id)
        self.connections[context.server] = stack[0]
        self.waiting_for_establishment[context.server].append(event)
        # mitmproxy has no connect timeout (HAZARDS D1); TLS is inside this one.
        watch = commands.RequestWakeup(self.worker.settings.connect_timeout)
        self._watches[watch] = context.server
        yield watch
        yield from self.event_to_child(stack[0], events.Start())

    @override
    def register_connection(self, command: RegisterHttpConnection) -> layer.CommandGenerator[None]:
        if command.err:
            server = command.connection
            assert isinstance(server, Server)  # noqa: S101 - only upstream connections are opened
            command.err = server.error or command.err
            for lease in self.waiting_for_establishment[server]:
                lease.tls_failed = bool(server.timestamp_tcp_setup) and command.err not in GIVEN_UP  # type: ignore[attr-defined]
            # mitmproxy would remember the failure for the client connection's life (HAZARDS D2).
            self._forget(server)
        yield from super().register_connection(command)

    def _give_up(self, server: Server, reason: str) -> layer.CommandGenerator[None]:
        if server in self.waiting_for_establishment and not server.error:
            server.error = reason
            yield commands.CloseConnection(server)

    def _forget_closed(self) -> None:
        """Let go of closed upstream connections that no exchange refers to (HAZARDS C9: mitmproxy keeps them all)."""
        for server, upstream in list(self._upstreams.items()):
            if (
                server.state is ConnectionState.CLOSED
                and server.timestamp_start
                and upstream.stream_id not in self.streams
            ):
                self._forget(server)

    def _forget(self, server: Server) -> None:
        self.connections.pop(server, None)
        self._upstreams.pop(server, None)
        self._stopped.discard(server)

    # Who waits for whom.

    def _balance(self) -> layer.CommandGenerator[None]:
        """Stop and go: nobody is read from whose bytes cannot be passed on."""
        codec = self.connections.get(self.context.client)
        if isinstance(codec, GatewayHttp2Server):
            for server, upstream in list(self._upstreams.items()):
                yield from self._meter(server, codec.backlog(upstream.stream_id))
                yield from self._open_window(codec, upstream)
            yield from self._stop_waiting()
        elif isinstance(codec, GatewayHttp1Server):
            waiting = sum(stream.waiting_bytes for stream in self.streams.values())
            yield from self._meter(self.context.client, codec.backlog + waiting)

    def _open_window(self, codec: GatewayHttp2Server, upstream: Upstream) -> layer.CommandGenerator[None]:
        """Let an HTTP/2 client send on once its upstream has taken what it sent."""
        stream = self.streams.get(upstream.stream_id) if upstream.stream_id is not None else None
        if stream and stream.unconsumed and upstream.http.backlog < LOW_WATER:
            consumed, stream.unconsumed = stream.unconsumed, 0
            yield from self.event_to_child(codec, DataConsumed(stream.stream_id, consumed))

    def _stop_waiting(self) -> layer.CommandGenerator[None]:
        """Let no stream wait when it is over for another reason, for what is said to it waits too."""
        for stream in list(self.streams.values()):
            if (hook := stream.awaited) and stream.is_given_up:
                del self.command_sources[hook]
                yield from self.event_to_child(stream, events.HookCompleted(hook))
        for server, upstream in list(self._upstreams.items()):
            borrower = self.streams.get(upstream.stream_id or 0)
            if server in self.waiting_for_establishment and borrower and borrower.client_left:
                yield from self._give_up(server, CLIENT_LEFT)

    def _meter(self, connection: Connection, backlog: int) -> layer.CommandGenerator[None]:
        if backlog > HIGH_WATER and connection not in self._stopped:
            self._stopped.add(connection)
            yield GatewayReadingHook(Reading(connection, allowed=False))
        elif backlog < LOW_WATER and connection in self._stopped:
            self._stopped.discard(connection)
            yield GatewayReadingHook(Reading(connection, allowed=True))

    # Deadlines.

    def _request_sweep(self) -> layer.CommandGenerator[None]:
        """Look at all deadlines every now and then: a timer per exchange would outlive it."""
        self._sweep = commands.RequestWakeup(self.worker.sweep_seconds)
        yield self._sweep

    def _sweep_deadlines(self) -> layer.CommandGenerator[None]:
        now = self.worker.clock()
        codec = self.connections.get(self.context.client)
        if isinstance(codec, GatewayHttp1Server | GatewayHttp2Server) and codec.is_overdue(now, bool(self.streams)):
            yield from self.event_to_child(codec, DeadlinePassed(0))
        for stream in [s for s in self.streams.values() if s.is_overdue(now)]:
            if stream.is_tunnel:
                yield commands.CloseConnection(self.context.client)
            else:
                yield from self.event_to_child(stream, DeadlinePassed(stream.stream_id))

    def abandon(self) -> None:
        """The client connection is gone: whatever has not ended has ended now."""
        for stream in self.streams.values():
            stream.abandon()


def _fork(context: Context) -> Context:
    """As `Context.fork`, which makes a server connection with an id of its own only to throw it away."""
    fork = Context.__new__(Context)
    fork.client, fork.server, fork.options = context.client, context.server, context.options
    fork.layers = context.layers.copy()
    return fork
