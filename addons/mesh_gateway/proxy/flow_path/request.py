"""How does a request reach an upstream on the flow path? Over the first candidate that connects, its body streamed."""

import time
from typing import TYPE_CHECKING, override

from mitmproxy import http
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    HttpEvent,
    HttpRequestHook,
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestTrailers,
    ResponseHeaders,
    SendHttp,
)

from mesh_gateway.observe.exchange import Attempt
from mesh_gateway.pipeline import Candidate, Forward
from mesh_gateway.proxy.bounds import REPEATABLE_BODY
from mesh_gateway.proxy.flow_path import messages
from mesh_gateway.proxy.flow_path.answer import AnsweringStream
from mesh_gateway.proxy.flow_path.signals import GatewayDrainHook, GatewayResolveHook, LeaseConnection
from mesh_gateway.routing.head import Framing, RequestHead
from mesh_gateway.routing.verdicts import Failure

if TYPE_CHECKING:
    from mesh_gateway.proxy.worker import Worker

# What mitmproxy's own guard says of a connection to one of its listeners (HAZARDS A8).
OWN_LISTENER = "Request destination unknown"


class RequestingStream(AnsweringStream):
    """The request's half of an exchange."""

    def __init__(self, context: Context, stream_id: int, worker: "Worker") -> None:
        super().__init__(context, stream_id, worker)
        self.awaited: GatewayDrainHook | GatewayResolveHook | None = None
        """What this stream waits for, and need not when it is over for another reason."""
        self.unconsumed = 0
        """Body bytes passed to an HTTP/2 upstream that wait for its window."""
        self._untried: list[Candidate] = []
        self._is_reused = False
        self._may_repeat = False
        self._sent_all = False
        self._is_stalled = False
        """Whether the upstream took nothing any more when it was given up."""

    @property
    def waiting_bytes(self) -> int:
        """Body bytes that came while this stream waits for something (HAZARDS C4)."""
        return sum(len(event.data) for event in self._paused_event_queue if isinstance(event, RequestData))

    def _await(self, hook: GatewayDrainHook | GatewayResolveHook) -> layer.CommandGenerator[None]:
        """Wait for the hook, or until the layer sees that this stream is given up."""
        self.awaited = hook
        yield hook
        self.awaited = None

    def _carry(self, decision: Forward, head: RequestHead, end_stream: bool) -> layer.CommandGenerator[None]:
        self.forward = decision
        self._untried = list(decision.candidates)
        self._may_repeat = head.is_idempotent and not decision.visit.websocket
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

    # A body that is streamed.

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
        if self.is_given_up:
            return  # and a part of a body must not look like the whole of it
        match event:
            case RequestData():
                yield from self._send_request_data(event.data)
            case RequestTrailers():
                self.flow.request.trailers = event.trailers
            case RequestEndOfMessage():
                self.client_state = self.state_done
                self.flow.request.timestamp_end = time.time()
                yield HttpRequestHook(self.flow)
                if (yield from self.check_killed(True)):
                    return
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
            yield from self._await(GatewayDrainHook(self.context.server))
            self._is_stalled = self.is_given_up
            self._touch(self.worker.settings.idle_timeout)
            self.unconsumed += len(data)  # the layer opens the client's window again

    def _send_request_end(self) -> layer.CommandGenerator[None]:
        self._sent_all = True
        if not self._answering:
            self._touch(self.worker.settings.first_byte_timeout)
        if self.flow.request.trailers and self.context.server.alpn == b"h2":
            yield SendHttp(RequestTrailers(self.stream_id, self.flow.request.trailers), self.context.server)
        yield SendHttp(RequestEndOfMessage(self.stream_id), self.context.server)

    # A body that is collected first, or none.

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
            if self.client_left:
                return False
            failures.add(failure)
        yield from self._fail(failures.pop() if len(failures) == 1 else Failure.ROUTES_EXHAUSTED)
        return False

    def _connect(self, candidate: Candidate, *, fresh: bool) -> layer.CommandGenerator[Failure | None]:
        """Connect to one candidate; gives why that came to nothing."""
        attempt = Attempt(candidate.source, candidate.endpoint)
        self._exchange.attempts.append(attempt)
        self._candidate = candidate
        lease = LeaseConnection(
            (candidate.address, candidate.port),
            candidate.scheme == "https",
            None,
            stream_id=self.stream_id,
            candidate=candidate,
            http2=self._forward.visit.head.needs_http2,
            fresh=fresh,
        )
        server, error = yield lease
        if error:
            attempt.error = error
            if not self.client_left:  # else the attempt was given up for that
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


def _connect_failure(error: str, *, tls_failed: bool) -> Failure:
    if error.startswith(OWN_LISTENER):
        return Failure.LOOP_DETECTED
    return Failure.UPSTREAM_TLS if tls_failed else Failure.ROUTES_EXHAUSTED
