"""How does an exchange on the flow path end? With one record, whoever leaves, breaks off or stops it."""

from typing import TYPE_CHECKING, override

from mitmproxy import flow
from mitmproxy.proxy import commands, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    DropStream,
    HttpErrorHook,
    HttpStream,
    RequestProtocolError,
    ResponseProtocolError,
    SendHttp,
)
from mitmproxy.proxy.layers.http._events import ErrorCode

from mesh_gateway.observe.exchange import Exchange
from mesh_gateway.proxy.flow_path.signals import DeadlinePassed
from mesh_gateway.routing.verdicts import VERDICTS, Failure

if TYPE_CHECKING:
    from mesh_gateway.proxy.worker import Worker


class EndingStream(HttpStream):
    """mitmproxy's exchange of one request and its answer, with a record, a deadline and ends of its own."""

    def __init__(self, context: Context, stream_id: int, worker: "Worker") -> None:
        super().__init__(context, stream_id)
        self.worker = worker
        self.exchange: Exchange | None = None
        self._is_head_sent = False
        """Whether the client was sent the head of an answer: it cannot be taken back."""
        self._deadline = float("inf")

    # What the layer asks.

    @property
    def client_left(self) -> bool:
        """Whether the client has gone while this stream waited; its goodbye is next in the queue."""
        return any(isinstance(event, RequestProtocolError) for event in self._paused_event_queue)

    @property
    def is_given_up(self) -> bool:
        """Whether it is over, by its client or by the clock, once this stream listens again."""
        return self.client_left or any(isinstance(event, DeadlinePassed) for event in self._paused_event_queue)

    def abandon(self) -> None:
        """The client connection is gone and no further event will come."""
        if self.exchange and self.exchange.ended is None:
            self._unsay_answer()
            self._exchange.failure = self._exchange.failure or Failure.CLIENT_CLOSED
            self._exchange.reason = self._exchange.reason or "the client connection ended"
            self._close_record()

    # What ends it.

    @override
    def check_killed(self, emit_error_hook: bool) -> layer.CommandGenerator[bool]:
        """Whether someone has killed the flow by hand, or its client has gone while a hook ran."""
        is_killed = self.flow.error is not None and self.flow.error.msg == flow.Error.KILLED_MESSAGE
        if not self.client_left and not is_killed:
            return False
        self._unsay_answer()
        if self.client_left:
            # Its goodbye is in the queue; what stands before it there must not go on with the answer.
            self.server_state = self.state_errored
            return True
        self._exchange.failure, self._exchange.reason = Failure.CLIENT_CLOSED, "killed by hand"
        yield from self._close_upstream()
        yield from self._break_off(flow.Error.KILLED_MESSAGE, ErrorCode.KILL)
        return True

    def _break_off(
        self, message: str, code: ErrorCode = ErrorCode.GENERIC_SERVER_ERROR
    ) -> layer.CommandGenerator[None]:
        self.flow.error = self.flow.error or flow.Error(message)
        self._close_record()
        yield HttpErrorHook(self.flow)
        yield SendHttp(ResponseProtocolError(self.stream_id, message, code), self.context.client)
        self.client_state = self.server_state = self.state_errored
        self.flow.live = False
        yield DropStream(self.stream_id)

    def _close_upstream(self) -> layer.CommandGenerator[None]:
        if self.context.server.connected and self.flow.server_conn is self.context.server:
            yield commands.CloseConnection(self.context.server)

    # The record.

    def _touch(self, seconds: float) -> None:
        self._deadline = self.worker.clock() + seconds

    def _close_record(self) -> None:
        """Close the record once, and write on the flow what it says."""
        exchange = self._exchange
        if exchange.ended is not None:
            return
        self._deadline = float("inf")
        if not exchange.status:
            if exchange.failure:
                exchange.status = VERDICTS[exchange.failure].status
            elif self.flow.response:
                exchange.status = self.flow.response.status_code
        self.worker.finish(exchange, self.flow)

    def _unsay_answer(self) -> None:
        """An answer that was shown to whoever looks on and never sent is none."""
        if not self._is_head_sent:
            self._exchange.status = 0

    @property
    def _exchange(self) -> Exchange:
        assert self.exchange  # noqa: S101 - set with the first event
        return self.exchange
