"""One request on the flow path, from its head to its end.

`HttpStream` is mitmproxy's exchange of one request and its answer. This one asks the brain where the request goes,
walks the candidates inside the request (`request.py`), answers refusals without reading the body (`answer.py`), and
closes every exchange with one record (`ends.py`). `flow.request` and `flow.response` stay as they came: what is sent on
is an edited copy, so that a recorded flow can be replayed and what someone edits in mitmweb counts as if the peer had
sent it.
"""

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never, override

from mitmproxy.proxy import events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    DropStream,
    HttpRequestHeadersHook,
    RequestHeaders,
    RequestProtocolError,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._events import ErrorCode

from mesh_gateway.pipeline import Arrival, Forward, NeedsRoutes, Reply
from mesh_gateway.proxy.flow_path import messages
from mesh_gateway.proxy.flow_path.flow import HTTPFlow
from mesh_gateway.proxy.flow_path.request import RequestingStream
from mesh_gateway.proxy.flow_path.signals import (
    DeadlinePassed,
    GatewayDrainHook,
    GatewayResolveHook,
    HeadReceived,
    Question,
)
from mesh_gateway.routing.head import Rejection, RequestHead
from mesh_gateway.routing.verdicts import Failure

if TYPE_CHECKING:
    from mesh_gateway.proxy.worker import Worker

logger = logging.getLogger(__name__)


class GatewayStream(RequestingStream):
    """One request and its answer."""

    def __init__(self, context: Context, stream_id: int, worker: "Worker", arrival: Arrival) -> None:
        super().__init__(context, stream_id, worker)
        self._arrival = arrival

    # What the layer asks.

    def is_overdue(self, now: float) -> bool:
        """Whether the peer that this exchange waits for has had its time."""
        return now > self._deadline and (self._paused is None or isinstance(self.awaited, GatewayDrainHook))

    @property
    def is_tunnel(self) -> bool:
        """Whether the bytes are the peers' own by now."""
        return self.child_layer is not None

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
        self.flow = event.replay_flow or HTTPFlow(self.context.client, self.context.server)
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
        arrival = self._arrival if worker.is_accepting else replace(self._arrival, accepting=False)
        decision = worker.brain.admit(head, arrival, now=worker.clock())
        if isinstance(decision, NeedsRoutes):
            visit = decision.visit
            worker.describe(exchange, visit)
            resolution = worker.resolver.peek(visit.tenant or "")
            if resolution is None:
                question = Question(visit.tenant or "")
                yield from self._await(GatewayResolveHook(question))
                resolution = question.answer
            exchange.resolved = worker.clock()
            if self.client_left:
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

    # What goes wrong.

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
        elif not self._is_stalled and self.client_state in (
            self.state_stream_request_body,
            self.state_consume_request_body,
        ):
            self._body_is_broken = True
            yield from self._fail(Failure.REQUEST_TIMEOUT, "the request's body stopped coming")
        else:
            yield from self._fail(Failure.UPSTREAM_TIMEOUT, "the upstream stopped answering")
