"""One request on the flow path, from its head to its end.

`HttpStream` is mitmproxy's exchange of one request and its answer. This one asks the brain where the request goes,
walks the candidates inside the request, answers refusals without reading the body, and closes every exchange with one
record. `flow.request` and `flow.response` stay as they came: what is sent on is an edited copy, so that a recorded
flow can be replayed and what someone edits in mitmweb counts as if the peer had sent it.
"""

import logging
import time
from typing import TYPE_CHECKING, assert_never, override

from mitmproxy import flow, http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    DropStream,
    HttpErrorHook,
    HttpEvent,
    HttpRequestHeadersHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
    HttpStream,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseProtocolError,
    ResponseTrailers,
    SendHttp,
)
from mitmproxy.proxy.layers.http._events import ErrorCode

from mesh_gateway.observe.exchange import Attempt, Exchange
from mesh_gateway.pipeline import Candidate, Forward, Listener, NeedsRoutes, Reply
from mesh_gateway.proxy.flow_path import messages
from mesh_gateway.proxy.flow_path.signals import (
    DataConsumed,
    DeadlinePassed,
    GatewayDrainHook,
    GatewayResolveHook,
    HeadReceived,
    LeaseConnection,
    Question,
    StopReading,
)
from mesh_gateway.proxy.flow_path.tunnel import Tunnel
from mesh_gateway.routing.head import Framing, Rejection, RequestHead
from mesh_gateway.routing.verdicts import VERDICTS, Failure

if TYPE_CHECKING:
    from mesh_gateway.proxy.worker import Worker

logger = logging.getLogger(__name__)

# RFC 9110 9.2.2: these may be repeated when a connection broke before an answer.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
# So much of a body is kept at hand until the answer begins, for a repetition.
REPEATABLE_BODY = 65_536
# A refused request's body up to this length is read and thrown away, so that the connection lives on.
DISCARDABLE_BODY = 65_536
# What mitmproxy's own guard says of a connection to one of its listeners (HAZARDS A8).
OWN_LISTENER = "Request destination unknown"


class GatewayStream(HttpStream):
    """One request and its answer."""

    def __init__(self, context: Context, stream_id: int, worker: "Worker", listener: Listener) -> None:
        super().__init__(context, stream_id)
        self.worker = worker
        self.listener = listener
        self.exchange: Exchange | None = None
        self.forward: Forward | None = None
        self.waits_for_drain = False
        self._untried: list[Candidate] = []
        self._candidate: Candidate | None = None
        self._is_reused = False
        self._may_repeat = False
        self._sent_body: bytearray | None = bytearray()
        """The body so far, None once it is too long to be repeated."""
        self._sent_all = False
        self._answering = False
        self._deadline = float("inf")
        self._has_body = False
        self._rest_is_unwanted = False
        self._body_is_broken = False
        self.unconsumed = 0
        """Body bytes passed to an HTTP/2 upstream that wait for its window."""

    # What the layer asks.

    @property
    def waiting_bytes(self) -> int:
        """Body bytes that came while this stream waits for something (HAZARDS C4)."""
        return sum(len(event.data) for event in self._paused_event_queue if isinstance(event, RequestData))

    @property
    def is_tunnel(self) -> bool:
        """Whether the bytes are the peers' own by now."""
        return self.child_layer is not None

    def is_overdue(self, now: float) -> bool:
        """Whether the peer that this exchange waits for has had its time."""
        return now > self._deadline and (self._paused is None or self.waits_for_drain)

    def abandon(self) -> None:
        """The client connection is gone and no further event will come."""
        if self.exchange and self.exchange.ended is None:
            self._end(Failure.CLIENT_CLOSED, "the client connection ended")

    # Events.

    @override
    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        try:
            if isinstance(event, DeadlinePassed):
                yield from self._time_is_up()
            else:
                yield from super()._handle_event(event)
        except Exception as error:  # the outermost guard: a fault of the gateway is a 500 and never a wrong upstream
            self.worker.metrics.hook_failed("exchange")
            logger.exception("fault in exchange %s", self.exchange.request_id if self.exchange else "-")
            yield from self._fail(Failure.INTERNAL, repr(error))

    # The request's head.

    @override
    def state_wait_for_request_headers(self, event: RequestHeaders) -> layer.CommandGenerator[None]:
        self.flow = event.replay_flow or http.HTTPFlow(self.context.client, self.context.server)
        self.flow.request = event.request
        self.flow.live = True
        self._has_body = not event.end_stream
        if event.end_stream:
            self.flow.request.data.content = b""  # mitmproxy replays no flow whose content is unknown
        self.client_state = self.state_discard_request_body

        read = event.head if isinstance(event, HeadReceived) else None
        head = read or messages.read_head(event.request, event.end_stream, self.worker.head_limits)
        messages.place(event.request, "https" if self.context.client.tls else "http")
        self.exchange = self.worker.begin(self.context.client, event.request)
        self._touch(self.worker.settings.idle_timeout)
        yield HttpRequestHeadersHook(self.flow)
        if (yield from self.check_killed(True)):
            return
        match head:
            case Rejection():
                yield from self._refuse(head.failure, reason=head.reason)
            case RequestHead():
                yield from self._route(head, event.end_stream)
            case _:
                assert_never(head)

    def _route(self, head: RequestHead, end_stream: bool) -> layer.CommandGenerator[None]:
        exchange = self._exchange
        worker = self.worker
        decision = worker.brain.admit(head, worker.arrival(self.context.client, self.listener), now=worker.clock())
        if isinstance(decision, NeedsRoutes):
            visit = decision.visit
            worker.describe(exchange, visit)
            resolution = worker.resolver.peek(visit.tenant or "")
            if resolution is None:
                question = Question(visit.tenant or "")
                yield GatewayResolveHook(question)
                resolution = question.answer
            exchange.resolved = worker.clock()
            if self._client_left():
                return
            if resolution is None:
                yield from self._refuse(Failure.INTERNAL, reason="the resolver gave no answer")
                return
            exchange.cache = resolution.cache
            decision = worker.brain.choose(visit, resolution, now=worker.clock())
        match decision:
            case Reply():
                yield from self._reply(decision)
            case Forward():
                worker.describe(exchange, decision.visit)
                yield from self._carry(decision, head, end_stream)
            case _:
                assert_never(decision)

    def _client_left(self) -> bool:
        """Whether the client has gone while this stream waited; its goodbye is next in the queue."""
        return any(isinstance(event, RequestProtocolError) for event in self._paused_event_queue)

    def _carry(self, decision: Forward, head: RequestHead, end_stream: bool) -> layer.CommandGenerator[None]:
        self.forward = decision
        self._untried = list(decision.candidates)
        self._may_repeat = head.method in IDEMPOTENT and not decision.visit.websocket
        self.flow.request.data.scheme = decision.visit.scheme.encode()
        self.flow.request.data.host, self.flow.request.data.port = decision.visit.host, decision.visit.port
        self.server_state = self.state_wait_for_response_headers
        collected = head.body.framing is Framing.LENGTH and (head.body.length or 0) <= self.worker.inspect_body_size
        if end_stream or collected:
            if head.expects_continue:
                yield from self._send_continue()
            self.client_state = self.state_consume_request_body
        else:
            self.flow.request.stream = True
            yield from self.start_request_stream()

    def _send_continue(self) -> layer.CommandGenerator[None]:
        """The gateway answers `Expect` itself, once it knows that the body has somewhere to go."""
        interim = http.Response.make(100, headers={})
        interim.headers.clear()
        yield SendHttp(ResponseHeaders(self.stream_id, interim), self.context.client)

    # The request's body.

    @override
    def start_request_stream(self) -> layer.CommandGenerator[None]:
        if not (yield from self.make_server_connection()):
            return
        if self._forward.visit.head.expects_continue:
            yield from self._send_continue()
        self.client_state = self.state_stream_request_body
        yield from self._send_request_head(end_stream=False)

    @override
    def state_stream_request_body(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        match event:
            case RequestData():
                yield from self._send_request_data(event.data)
            case RequestTrailers():
                self.flow.request.trailers = event.trailers
            case RequestEndOfMessage():
                self.client_state = self.state_done
                self.flow.request.timestamp_end = time.time()
                yield HttpRequestHook(self.flow)
                yield from self._send_request_end()
                if self.server_state == self.state_done:
                    yield from self.flow_done()

    def _send_request_data(self, data: bytes) -> layer.CommandGenerator[None]:
        exchange = self._exchange
        exchange.bytes_received += len(data)
        if exchange.bytes_received > self.worker.settings.max_body_size:
            yield from self._fail(Failure.BODY_TOO_LARGE, "the body grew past the limit")
            return
        if self._sent_body is not None:
            at_hand = len(self._sent_body) + len(data) <= REPEATABLE_BODY
            self._sent_body = self._sent_body + data if at_hand else None
        self._touch(self.worker.settings.idle_timeout)
        yield SendHttp(RequestData(self.stream_id, data), self.context.server)
        if self.context.client.alpn == b"h2":
            self.waits_for_drain = True
            yield GatewayDrainHook(self.context.server)
            self.waits_for_drain = False
            self._touch(self.worker.settings.idle_timeout)
            self.unconsumed += len(data)  # the layer opens the client's window again

    def _consumed(self, length: int) -> layer.CommandGenerator[None]:
        if self.context.client.alpn == b"h2":
            yield SendHttp(DataConsumed(self.stream_id, length), self.context.client)

    def _send_request_end(self) -> layer.CommandGenerator[None]:
        self._sent_all = True
        if not self._answering:
            self._touch(self.worker.settings.first_byte_timeout)
        if self.flow.request.trailers and self.context.server.alpn == b"h2":
            yield SendHttp(RequestTrailers(self.stream_id, self.flow.request.trailers), self.context.server)
        yield SendHttp(RequestEndOfMessage(self.stream_id), self.context.server)

    @override
    def state_consume_request_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        match event:
            case RequestData():
                self.request_body_buf += event.data
                self._exchange.bytes_received += len(event.data)
                self._touch(self.worker.settings.idle_timeout)
                yield from self._consumed(len(event.data))
            case RequestTrailers():
                self.flow.request.trailers = event.trailers
            case RequestEndOfMessage():
                self.flow.request.timestamp_end = time.time()
                self.flow.request.data.content = bytes(self.request_body_buf)
                self.request_body_buf.clear()
                self.client_state = self.state_done
                yield HttpRequestHook(self.flow)
                if (yield from self.check_killed(True)):
                    return
                yield from self._send_collected_request()

    def _send_collected_request(self) -> layer.CommandGenerator[None]:
        if self.flow.response:  # somebody's script or hand has answered
            yield from self._answer_ourselves()
            return
        if (yield from self.make_server_connection()):
            content = self.flow.request.raw_content or b""
            self._sent_body = bytearray(content)
            yield from self._send_request_head(end_stream=not content)
            if content:
                yield SendHttp(RequestData(self.stream_id, content), self.context.server)
            yield from self._send_request_end()

    def _send_request_head(self, *, end_stream: bool) -> layer.CommandGenerator[None]:
        request = messages.outgoing_request(
            self.flow.request,
            self.worker.brain.edit(messages.as_edited(self._forward.visit, self.flow.request)),
            self._forward.visit,
            http2=self.context.server.alpn == b"h2",
            end_stream=end_stream,
        )
        yield SendHttp(RequestHeaders(self.stream_id, request, end_stream=end_stream), self.context.server)

    def state_discard_request_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        """The answer is given or being given; what is left of the request is thrown away."""
        if isinstance(event, RequestData):
            yield from self._consumed(len(event.data))
        elif isinstance(event, RequestEndOfMessage):
            self.client_state = self.state_done
            if self.server_state == self.state_done:
                yield from self.flow_done()

    # The upstream.

    @override
    def make_server_connection(self) -> layer.CommandGenerator[bool]:
        """Connect to the first candidate that takes it, else answer with why none did."""
        return (yield from self._connect_to_any(fresh=not self._may_repeat))

    def _connect_to_any(self, *, fresh: bool) -> layer.CommandGenerator[bool]:
        failures: set[Failure] = set()
        while self._untried:
            failure = yield from self._connect(self._untried.pop(0), fresh=fresh)
            if failure is None:
                return True
            if self._client_left():
                return False
            failures.add(failure)
        yield from self._fail(failures.pop() if len(failures) == 1 else Failure.ROUTES_EXHAUSTED)
        return False

    def _connect(self, candidate: Candidate, *, fresh: bool) -> layer.CommandGenerator[Failure | None]:
        """Connect to one candidate; gives why that came to nothing."""
        attempt = Attempt(candidate.source, messages.endpoint(candidate))
        self._exchange.attempts.append(attempt)
        self._candidate = candidate
        lease = LeaseConnection(
            (candidate.address, candidate.port),
            candidate.scheme == "https",
            None,
            stream_id=self.stream_id,
            candidate=candidate,
            http2=messages.wants_http2(self._forward.visit.head),
            fresh=fresh,
        )
        server, error = yield lease
        if error:
            attempt.error = error
            self.worker.route_failed(candidate)
            return _connect_failure(error, tls_failed=lease.tls_failed)
        self._is_reused = lease.reused
        self.context.server = self.flow.server_conn = server
        self._exchange.connected = self.worker.clock()
        self._exchange.served_by = attempt
        return None

    def _repeat(self, reason: str) -> layer.CommandGenerator[bool]:
        """Send the request once more where that is safe: nothing was answered, and all of it is at hand."""
        if self._answering or not self._may_repeat or self._sent_body is None or not self._candidate:
            return False
        attempt = self._exchange.attempts[-1]
        attempt.error = reason
        self._exchange.served_by = None
        if self._is_reused:
            # The upstream closed an idle connection just as it was used: nobody is to blame (HAZARDS D6).
            self._untried.insert(0, self._candidate)
        else:
            self._may_repeat = False
            self.worker.route_failed(self._candidate)
            self._untried = self._untried or [self._candidate]
        if not (yield from self._connect_to_any(fresh=True)):
            return True
        sent = bytes(self._sent_body)
        yield from self._send_request_head(end_stream=self._sent_all and not sent)
        if sent:
            yield SendHttp(RequestData(self.stream_id, sent), self.context.server)
        if self._sent_all:
            yield from self._send_request_end()
        return True

    # The answer.

    @override
    def state_wait_for_response_headers(self, event: ResponseHeaders) -> layer.CommandGenerator[None]:
        exchange = self._exchange
        exchange.first_byte = self.worker.clock()
        self._answering = True
        self._sent_body = None
        self.flow.response = event.response
        self._touch(self.worker.settings.idle_timeout)
        if fault := messages.answer_fault(event.response, self._forward.visit):
            yield commands.CloseConnection(self.context.server)
            self._answering = False
            self.flow.response = None
            yield from self._fail(Failure.UPSTREAM_PROTOCOL, fault)
            return
        if self._candidate:
            self.worker.route_answered(self._candidate)
        yield HttpResponseHeadersHook(self.flow)
        if (yield from self.check_killed(True)):
            return
        length = messages.body_length(event.response)
        collected = event.end_stream or (length is not None and length <= self.worker.inspect_body_size)
        if collected and not event.response.stream:
            self.server_state = self.state_consume_response_body
        else:
            yield from self.start_response_stream()

    @override
    def start_response_stream(self) -> layer.CommandGenerator[None]:
        self.flow.response.stream = self.flow.response.stream or True  # type: ignore[union-attr]
        yield from self._send_answer_head(end_stream=False)
        self.server_state = self.state_stream_response_body

    @override
    def state_stream_response_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        match event:
            case ResponseData():
                yield from self._send_answer_data(event.data)
            case ResponseTrailers():
                self.flow.response.trailers = event.trailers  # type: ignore[union-attr]
            case ResponseEndOfMessage():
                yield from self.send_response(already_streamed=True)

    @override
    def state_consume_response_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, ResponseData):
            self._touch(self.worker.settings.idle_timeout)
        yield from super().state_consume_response_body(event)

    @override
    def send_response(self, already_streamed: bool = False) -> layer.CommandGenerator[None]:
        response = self.flow.response
        assert response  # noqa: S101 - set before anyone comes here
        response.timestamp_end = time.time()
        is_upgrade = response.status_code == 101  # noqa: PLR2004
        self.server_state = self.state_done
        if not already_streamed:
            if is_upgrade:
                self._exchange.upgrade = "websocket"
                self.worker.annotate(self._exchange, self.flow)
            else:
                self._exchange.bytes_sent = len(self._own_content(response))
                self._end_exchange_of_flow()
            yield HttpResponseHook(self.flow)
            if (yield from self.check_killed(False)):
                return
            content = self._own_content(response)  # after the hook: somebody may have edited it
            yield from self._send_answer_head(end_stream=not content and not response.trailers)
            if content:
                yield SendHttp(ResponseData(self.stream_id, content), self.context.client)
        elif not is_upgrade:
            self._end_exchange_of_flow()
            yield HttpResponseHook(self.flow)
        if response.trailers and self.context.client.alpn == b"h2":
            yield SendHttp(ResponseTrailers(self.stream_id, response.trailers), self.context.client)
        if self.client_state == self.state_done:
            yield from self.flow_done()
        elif self._is_early():
            yield from self._stop_reading()
        else:
            self._touch(self.worker.settings.idle_timeout)  # for the rest of the body, which is thrown away

    def _own_content(self, response: http.Response) -> bytes:
        return b"" if self.flow.request.method == "HEAD" else response.raw_content or b""

    def _is_early(self) -> bool:
        """Whether an answer goes out while a body is still coming that will not be read to its end."""
        return self._rest_is_unwanted or self.client_state == self.state_stream_request_body

    def _send_answer_head(self, *, end_stream: bool) -> layer.CommandGenerator[None]:
        exchange, response = self._exchange, self.flow.response
        assert response  # noqa: S101 - set before anyone comes here
        exchange.status = response.status_code
        answer = messages.outgoing_answer(
            response,
            client_version=self.flow.request.http_version,
            method=self.flow.request.method,
            request_id=exchange.request_id,
            mesh_route=self.worker.mesh_route(exchange, self.forward),
            close=self._is_early() or not self.worker.keeps_connections,
        )
        yield SendHttp(ResponseHeaders(self.stream_id, answer, end_stream=end_stream), self.context.client)

    def _send_answer_data(self, data: bytes) -> layer.CommandGenerator[None]:
        self._exchange.bytes_sent += len(data)
        self._touch(self.worker.settings.idle_timeout)
        yield SendHttp(ResponseData(self.stream_id, data), self.context.client)

    def _stop_reading(self) -> layer.CommandGenerator[None]:
        """The upstream has answered in full before the request's end (an early 413): nobody wants the rest."""
        self.client_state = self.state_errored
        self.flow.live = False
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)
        yield SendHttp(StopReading(self.stream_id), self.context.client)
        yield from self._close_upstream()
        yield DropStream(self.stream_id)

    @override
    def flow_done(self) -> layer.CommandGenerator[None]:
        assert self.flow.response  # noqa: S101 - set before anyone comes here
        if self.flow.response.status_code == 101:  # noqa: PLR2004
            yield from self._open_tunnel()
        else:
            self.flow.live = False
            yield DropStream(self.stream_id)
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)

    def _open_tunnel(self) -> layer.CommandGenerator[None]:
        """After the upgrade the bytes are the peers' own: carried, counted, not kept (HAZARDS C7, C8)."""
        exchange = self._exchange
        self._touch(self.worker.settings.tunnel_idle_timeout)
        self.child_layer = Tunnel(self.context, exchange, on_data=self._tunnel_moved, on_end=self._tunnel_ended)
        self._handle_event = self.passthrough  # type: ignore[method-assign]
        yield from self.child_layer.handle_event(events.Start())

    def _tunnel_moved(self) -> None:
        self._touch(self.worker.settings.tunnel_idle_timeout)

    def _tunnel_ended(self) -> layer.CommandGenerator[None]:
        self._end_exchange_of_flow()
        self.flow.live = False
        yield DropStream(self.stream_id)

    # The gateway's own answers.

    def _reply(self, reply: Reply) -> layer.CommandGenerator[None]:
        exchange = self._exchange
        exchange.request_id, exchange.client = reply.request_id, reply.client
        exchange.host = reply.host or exchange.host
        if isinstance(reply.answer, Failure):
            yield from self._refuse(reply.answer, reason=reply.reason, last_seen_online=reply.last_seen_online)
        else:
            self.flow.response = self.worker.own_page(reply.answer)
            yield from self._answer_ourselves()

    def _refuse(
        self, failure: Failure, *, reason: str | None = None, last_seen_online: str | None = None
    ) -> layer.CommandGenerator[None]:
        exchange = self._exchange
        exchange.failure, exchange.reason = failure, reason
        self.flow.response = self.worker.failure_page(
            failure, exchange, accept=messages.field(self.flow.request, b"accept"), last_seen_online=last_seen_online
        )
        yield from self._answer_ourselves()

    def _answer_ourselves(self) -> layer.CommandGenerator[None]:
        """Answer without the upstream and, where the body is long, without reading it (HAZARDS C1)."""
        yield HttpResponseHeadersHook(self.flow)
        if self.client_state != self.state_done:
            is_long = messages.is_long(self.flow.request, DISCARDABLE_BODY)
            self._rest_is_unwanted = self._body_is_broken or (self._has_body and is_long)
            self.client_state = self.state_discard_request_body
        yield from self.send_response()

    # Ends.

    @override
    def state_done(self, _: events.Event) -> layer.CommandGenerator[None]:
        """Late words of a peer whose part is over are not heard; mitmproxy takes them for a fault."""
        yield from ()

    @override
    def check_killed(self, emit_error_hook: bool) -> layer.CommandGenerator[bool]:
        """Whether someone has killed the flow by hand, or its client has gone while a hook ran."""
        if self._client_left():
            # Its goodbye is in the queue; what stands before it there must not go on with the answer.
            self.server_state = self.state_errored
            return True
        if not (self.flow.error and self.flow.error.msg == flow.Error.KILLED_MESSAGE):
            return False
        self._exchange.failure, self._exchange.reason = Failure.CLIENT_CLOSED, "killed by hand"
        yield from self._close_upstream()
        yield from self._break_off(flow.Error.KILLED_MESSAGE)
        return True

    def _fail(self, failure: Failure, reason: str | None = None) -> layer.CommandGenerator[None]:
        """Answer with the failure where the answer has not begun, else break off so that nobody takes it for whole."""
        exchange = self._exchange
        if exchange.ended is not None:
            return
        if exchange.attempts and not exchange.attempts[-1].error and not self._answering:
            exchange.attempts[-1].error = reason
        if not self._answering and self.client_state != self.state_errored:
            yield from self._close_upstream()
            yield from self._refuse(failure, reason=reason)
            return
        exchange.failure, exchange.reason = exchange.failure or failure, reason
        yield from self._close_upstream()
        yield from self._break_off(reason or failure.value)

    def _close_upstream(self) -> layer.CommandGenerator[None]:
        if self.context.server.connected and self.flow.server_conn is self.context.server:
            yield commands.CloseConnection(self.context.server)

    def _break_off(self, message: str) -> layer.CommandGenerator[None]:
        self.flow.error = self.flow.error or flow.Error(message)
        self._end_exchange_of_flow()
        yield HttpErrorHook(self.flow)
        yield SendHttp(
            ResponseProtocolError(self.stream_id, message, ErrorCode.GENERIC_SERVER_ERROR), self.context.client
        )
        self.client_state = self.server_state = self.state_errored
        self.flow.live = False
        yield DropStream(self.stream_id)

    @override
    def handle_protocol_error(
        self, event: RequestProtocolError | ResponseProtocolError
    ) -> layer.CommandGenerator[None]:
        if self._exchange.ended is not None:
            self.client_state = self.server_state = self.state_errored
            yield DropStream(self.stream_id)
        elif isinstance(event, ResponseProtocolError):
            if not (yield from self._repeat(event.message)):
                if self._candidate and not self._answering:
                    if self._sent_all:  # else it may be the client's fault, who dawdles until the upstream hangs up
                        self.worker.route_failed(self._candidate)
                    self._exchange.attempts[-1].error = event.message
                yield from self._fail(Failure.UPSTREAM_PROTOCOL, event.message)
        elif event.code is ErrorCode.GENERIC_CLIENT_ERROR and not self._answering and self.context.client.alpn != b"h2":
            # (over HTTP/2 a stream's error means that the stream, or the client, is gone)
            self._body_is_broken = True
            yield from self._fail(Failure.BAD_REQUEST, event.message)
        else:
            yield from self._close_upstream()
            self._exchange.failure, self._exchange.reason = Failure.CLIENT_CLOSED, event.message
            yield from self._break_off(event.message)

    def _time_is_up(self) -> layer.CommandGenerator[None]:
        if self._exchange.ended is not None:
            yield from self._stop_reading()  # answered, and the rest of a refused body never came
        elif self.client_state in (self.state_stream_request_body, self.state_consume_request_body):
            self._body_is_broken = True
            yield from self._fail(Failure.REQUEST_TIMEOUT, "the request's body stopped coming")
        else:
            yield from self._fail(Failure.UPSTREAM_TIMEOUT, "the upstream stopped answering")

    def _touch(self, seconds: float) -> None:
        self._deadline = self.worker.clock() + seconds

    def _end(self, failure: Failure, reason: str) -> None:
        self._exchange.failure = self._exchange.failure or failure
        self._exchange.reason = self._exchange.reason or reason
        self._end_exchange_of_flow()

    def _end_exchange_of_flow(self) -> None:
        """Close the record once, and write on the flow what it says."""
        exchange = self._exchange
        if exchange.ended is not None:
            return
        self._deadline = float("inf")
        if not exchange.status:
            if self.flow.response:
                exchange.status = self.flow.response.status_code
            elif exchange.failure:
                exchange.status = VERDICTS[exchange.failure].status
        self.worker.finish(exchange, self.flow)

    @property
    def _exchange(self) -> Exchange:
        assert self.exchange  # noqa: S101 - set with the first event
        return self.exchange

    @property
    def _forward(self) -> Forward:
        assert self.forward  # noqa: S101 - set before a candidate is asked for
        return self.forward


def _connect_failure(error: str, *, tls_failed: bool) -> Failure:
    if error.startswith(OWN_LISTENER):
        return Failure.LOOP_DETECTED
    return Failure.UPSTREAM_TLS if tls_failed else Failure.ROUTES_EXHAUSTED
