"""HTTP/1 towards a client on the flow path: mitmproxy's codec with strict heads, bounds and an orderly end.

HAZARDS B and C say what mitmproxy's own codecs let through; each override names the one it cures.
"""

from typing import TYPE_CHECKING, override

from mitmproxy.connection import ConnectionState
from mitmproxy.net.http import http1
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import (
    HttpEvent,
    ReceiveHttp,
    ResponseEndOfMessage,
    ResponseProtocolError,
    ResponseTrailers,
)
from mitmproxy.proxy.layers.http._events import ErrorCode
from mitmproxy.proxy.layers.http._http1 import Http1Server, make_body_reader

from mesh_gateway.proxy.bounds import LINGER_BYTES, LINGER_SECONDS
from mesh_gateway.proxy.flow_path import messages
from mesh_gateway.proxy.flow_path.http1_body import BoundedBody, body_length
from mesh_gateway.proxy.flow_path.signals import (
    DataConsumed,
    DeadlinePassed,
    DrainBegun,
    HeadReceived,
    StopReading,
)
from mesh_gateway.routing.head import Rejection, RequestHead
from mesh_gateway.routing.http1_head import HeadReader
from mesh_gateway.routing.verdicts import Failure

if TYPE_CHECKING:
    from mesh_gateway.proxy.worker import Worker


class GatewayHttp1Server(BoundedBody, Http1Server):
    """The client's side."""

    def __init__(self, context: Context, worker: "Worker") -> None:
        super().__init__(context)
        self.worker = worker
        self._since = worker.clock()
        """When the state that a deadline is on began."""
        self._head_begun = False
        self._lingered = 0
        self._requests = 0
        self._heads = HeadReader(worker.head_limits)

    @property
    def backlog(self) -> int:
        """Bytes of pipelined requests that wait for the current one (HAZARDS C6)."""
        return len(self.buf) if self.state == self.wait else 0

    def is_overdue(self, now: float, busy: bool) -> bool:
        """Whether a head, the next request or the end of a lingering close is overdue."""
        settings = self.worker.settings
        if self.state == self.linger:
            return now - self._since > LINGER_SECONDS
        if self.state != self.read_headers or busy:
            return False
        is_head = self._head_begun or not self._requests
        return now - self._since > (settings.header_timeout if is_head else settings.keepalive_timeout)

    @override
    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, DeadlinePassed):
            yield from self._time_is_up()
        elif isinstance(event, DrainBegun):
            # What was never asked for anything is about to be; what is asked learns with its answer.
            if self.state == self.read_headers and self._requests and not self._head_begun:
                yield commands.CloseConnection(self.conn)
        else:
            yield from super()._handle_event(event)

    def _time_is_up(self) -> layer.CommandGenerator[None]:
        if self.state == self.read_headers and self._head_begun:
            yield from self._refuse(
                Rejection(Failure.REQUEST_TIMEOUT, "the head did not arrive in time"), bytes(self.buf)
            )
        else:
            yield commands.CloseConnection(self.conn)

    # Reading a head.

    @override
    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        if isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(self.conn)
            return
        if not self.buf:
            return
        if not self._head_begun:
            # From the first byte on, the clock of a whole head runs: trickling does not renew it.
            self._head_begun, self._since = True, self.worker.clock()
        raw = _take_head(self.buf, self.worker.head_limits.size)
        if raw is None:
            return
        match self._heads.read(raw):
            case Rejection() as rejection:
                yield from self._refuse(rejection, raw)
            case RequestHead() as head:
                yield from self._begin(head)

    def _begin(self, head: RequestHead) -> layer.CommandGenerator[None]:
        self._head_begun = False
        self._requests += 1
        self.request = messages.http1_request(head)
        length = body_length(head.body)
        yield ReceiveHttp(HeadReceived(self.stream_id, self.request, length == 0, None, head))
        self.body_reader = make_body_reader(length)
        if self.state == self.read_headers:
            self.state = self.read_body
            yield from self.state(events.DataReceived(self.conn, b""))

    def _refuse(self, rejection: Rejection, raw: bytes) -> layer.CommandGenerator[None]:
        """Answer what is not a request, and close: nobody knows where the next one would begin (RFC 9112 9.6)."""
        answer = self.worker.refuse_unread(self.context.client, rejection, messages.glimpse(raw))
        yield commands.SendData(self.conn, http1.assemble_response(answer))
        yield from self._linger()

    # Ends.

    @override
    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        match event:
            case StopReading():
                yield from self._linger()
            case ResponseTrailers() | DataConsumed():
                pass  # HTTP/1 clients get none (RFC 9110 6.5.1 lets an intermediary drop them)
            case ResponseEndOfMessage() if self.request is None:
                pass
            case ResponseProtocolError() if self.state == self.linger:
                pass
            case _:
                yield from super().send(event)

    @override
    def mark_done(self, *, request: bool = False, response: bool = False) -> layer.CommandGenerator[None]:
        yield from super().mark_done(request=request, response=response)
        if not self.request and self.state == self.read_headers:
            self._since = self.worker.clock()

    @override
    def broken_body(self, reason: str, event: events.Event) -> layer.CommandGenerator[None]:
        is_gone = isinstance(event, events.ConnectionClosed)
        code = ErrorCode.CLIENT_DISCONNECTED if is_gone else ErrorCode.GENERIC_CLIENT_ERROR
        # The stream answers 400 where it still can, now or when it need not wait any more, and ends the connection.
        self.state = self.ignore
        yield ReceiveHttp(self.ReceiveProtocolError(self.stream_id, reason, code))
        if is_gone:
            yield commands.CloseConnection(self.conn)

    def _linger(self) -> layer.CommandGenerator[None]:
        """Say goodbye, and read on for a moment: closing on unread bytes would reset the answer away."""
        if self.state == self.linger:
            return
        self.state = self.linger
        self._since = self.worker.clock()
        self._lingered = len(self.buf)
        self.buf.maybe_extract_at_most(len(self.buf))
        if self.conn.state is ConnectionState.OPEN:
            yield commands.CloseTcpConnection(self.conn, half_close=True)
        else:
            yield commands.CloseConnection(self.conn)

    def ignore(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Throw away what comes behind broken framing, until the answer to it is out."""
        self.buf.maybe_extract_at_most(len(self.buf))
        if isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(self.conn)

    def linger(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Throw away what still comes, up to a bound."""
        self._lingered += len(self.buf)
        self.buf.maybe_extract_at_most(len(self.buf))
        if isinstance(event, events.ConnectionClosed) or self._lingered > LINGER_BYTES:
            yield commands.CloseConnection(self.conn)


def _take_head(buffer: "http1.ReceiveBuffer", limit: int) -> bytes | None:  # type: ignore[name-defined]
    """A head that is complete, or too long already; None while more must come."""
    data = bytes(buffer)
    end = _first_head_end(data)
    if end:
        return bytes(buffer.maybe_extract_at_most(end))
    return data if len(data) > limit else None


def _first_head_end(data: bytes) -> int:
    """Where a head ends by any reading, lenient ones too: what is wrong with it is for the parser to say."""
    start = 2 if data.startswith(b"\r\n") else 0
    ends = [found + len(mark) for mark in (b"\r\n\r\n", b"\n\n", b"\n\r\n") if (found := data.find(mark, start)) >= 0]
    return min(ends, default=0)
