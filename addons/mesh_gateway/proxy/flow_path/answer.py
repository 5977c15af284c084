"""What does a client get on the flow path: the upstream's answer, or the gateway's own?"""

import time
from typing import TYPE_CHECKING, override

from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    DropStream,
    HttpResponseHeadersHook,
    HttpResponseHook,
    RequestData,
    RequestEndOfMessage,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseTrailers,
    SendHttp,
)

from mesh_gateway.pipeline import Candidate, Forward, Reply
from mesh_gateway.proxy.bounds import DISCARDABLE_BODY
from mesh_gateway.proxy.flow_path import messages
from mesh_gateway.proxy.flow_path.ends import EndingStream
from mesh_gateway.proxy.flow_path.messages import SWITCHING_PROTOCOLS
from mesh_gateway.proxy.flow_path.signals import AnswerReceived, DataConsumed, StopReading
from mesh_gateway.proxy.flow_path.tunnel import Tunnel
from mesh_gateway.routing.fields import FieldSection
from mesh_gateway.routing.persistence import ends_with_answer
from mesh_gateway.routing.redirect import secured
from mesh_gateway.routing.verdicts import Failure

if TYPE_CHECKING:
    from mesh_gateway.proxy.worker import Worker


class AnsweringStream(EndingStream):
    """The answer's half of an exchange."""

    def __init__(self, context: Context, stream_id: int, worker: "Worker") -> None:
        super().__init__(context, stream_id, worker)
        self.forward: Forward | None = None
        self._candidate: Candidate | None = None
        """The route that was connected to last."""
        self._answering = False
        """Whether the upstream's answer has begun."""
        self._fields: FieldSection | None = None
        """The fields of the upstream's answer, where they were read strictly."""
        self._sent_body: bytearray | None = bytearray()
        """The request's body so far, None once it need not or cannot be sent again."""
        self._has_body = False
        self._body_is_broken = False
        self._rest_is_unwanted = False

    # The upstream's answer.

    @override
    def state_wait_for_response_headers(self, event: ResponseHeaders) -> layer.CommandGenerator[None]:
        exchange = self._exchange
        exchange.first_byte = self.worker.clock()
        self._answering = True
        self._sent_body = None
        self.flow.response = event.response
        self._touch(self.worker.settings.idle_timeout)
        self._fields = event.fields if isinstance(event, AnswerReceived) else None
        if fault := messages.answer_fault(
            event.response, self._forward.visit, is_read_strictly=self._fields is not None
        ):
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

    # What the client is sent.

    @override
    def send_response(self, already_streamed: bool = False) -> layer.CommandGenerator[None]:
        response = self.flow.response
        assert response  # noqa: S101 - set before anyone comes here
        response.timestamp_end = time.time()
        self.server_state = self.state_done
        if (yield from self._show_answer(response)):
            return
        content = b"" if already_streamed else self._own_content(response)
        self._exchange.bytes_sent += len(content)
        if response.status_code != SWITCHING_PROTOCOLS:
            self._close_record()
        if not already_streamed:
            yield from self._send_answer_head(end_stream=not content and not response.trailers)
        if content:
            yield SendHttp(ResponseData(self.stream_id, content), self.context.client)
        if response.trailers and self.context.client.alpn == b"h2":
            yield SendHttp(ResponseTrailers(self.stream_id, response.trailers), self.context.client)
        yield from self._end_answer()

    def _show_answer(self, response: http.Response) -> layer.CommandGenerator[bool]:
        """Let whoever looks on see the whole answer, and what became of the request; whether it ends with that."""
        exchange = self._exchange
        exchange.status = response.status_code
        if response.status_code == SWITCHING_PROTOCOLS:
            exchange.upgrade = "websocket"
        self.worker.annotate(exchange, self.flow)
        yield HttpResponseHook(self.flow)
        if (yield from self.check_killed(False)):
            return True
        if not self._is_head_sent:
            exchange.status = response.status_code  # somebody may have edited it
        return False

    def _end_answer(self) -> layer.CommandGenerator[None]:
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
            secured(messages.fields_of(response, self._fields), self.worker.transport_security(exchange, self.forward)),
            client_version=self.flow.request.http_version,
            method=self.flow.request.method,
            request_id=exchange.request_id,
            mesh_route=self.worker.mesh_route(exchange, self.forward),
            close=self._is_early() or not self.worker.keeps_connections or self._client_wants_end(),
        )
        self._is_head_sent = True
        yield SendHttp(ResponseHeaders(self.stream_id, answer, end_stream=end_stream), self.context.client)

    def _client_wants_end(self) -> bool:
        request = self.flow.request
        return ends_with_answer(request.http_version, messages.values(request, b"connection"))

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
        if self.flow.response.status_code == SWITCHING_PROTOCOLS:
            yield from self._open_tunnel()
        else:
            self.flow.live = False
            yield DropStream(self.stream_id)
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)

    # After an upgrade.

    def _open_tunnel(self) -> layer.CommandGenerator[None]:
        """After the upgrade the bytes are the peers' own: carried, counted, not kept (HAZARDS C7, C8)."""
        exchange = self._exchange
        self._touch(self.worker.settings.tunnel_idle_timeout)
        self.child_layer = Tunnel(self.context, exchange, on_data=self._tunnel_moved, on_end=self._tunnel_ended)
        self._handle_event = self.passthrough
        yield from self.child_layer.handle_event(events.Start())

    def _tunnel_moved(self) -> None:
        self._touch(self.worker.settings.tunnel_idle_timeout)

    def _tunnel_ended(self) -> layer.CommandGenerator[None]:
        self._close_record()
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
        if (yield from self.check_killed(True)):
            return
        if self.client_state != self.state_done:
            is_long = messages.is_long(self.flow.request, DISCARDABLE_BODY)
            self._rest_is_unwanted = self._body_is_broken or (self._has_body and is_long)
            self.client_state = self.state_discard_request_body
        yield from self.send_response()

    def _fail(self, failure: Failure, reason: str | None = None) -> layer.CommandGenerator[None]:
        """Answer with the failure where nothing was sent, else break off so that nobody takes the answer for whole."""
        exchange = self._exchange
        if exchange.ended is not None:
            return
        if exchange.attempts and not exchange.attempts[-1].error and not self._is_head_sent:
            exchange.attempts[-1].error = reason
        if not self._is_head_sent and self.client_state != self.state_errored:
            yield from self._close_upstream()
            yield from self._refuse(failure, reason=reason)
            return
        exchange.failure, exchange.reason = exchange.failure or failure, reason
        yield from self._close_upstream()
        yield from self._break_off(reason or failure.value)

    # What nobody wants any more.

    def state_discard_request_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        """The answer is given or being given; what is left of the request is thrown away."""
        if isinstance(event, RequestData):
            yield from self._consumed(len(event.data))
        elif isinstance(event, RequestEndOfMessage):
            self.client_state = self.state_done
            if self.server_state == self.state_done:
                yield from self.flow_done()

    def _consumed(self, length: int) -> layer.CommandGenerator[None]:
        if self.context.client.alpn == b"h2":
            yield SendHttp(DataConsumed(self.stream_id, length), self.context.client)

    @override
    def state_done(self, _: events.Event) -> layer.CommandGenerator[None]:
        """Late words of a peer whose part is over are not heard; mitmproxy takes them for a fault."""
        yield from ()

    @property
    def _forward(self) -> Forward:
        assert self.forward  # noqa: S101 - set before a candidate is asked for
        return self.forward
