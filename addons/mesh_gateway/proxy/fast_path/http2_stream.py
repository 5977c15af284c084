"""One HTTP/2 stream: the client's side of one exchange, with what waits in either direction."""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from h2.errors import ErrorCodes

from mesh_gateway.pipeline import Arrival
from mesh_gateway.proxy.fast_path.exchange import FastExchange
from mesh_gateway.proxy.fast_path.http2_heads import answer_head, is_trailer
from mesh_gateway.proxy.fast_path.http2_outflow import Outflow
from mesh_gateway.proxy.fast_path.sides import AnswerStart
from mesh_gateway.routing.head import Field

if TYPE_CHECKING:
    from mesh_gateway.proxy.fast_path.http2 import Http2Client

# Bytes of an answer that may wait for the client's window before its upstream is not read any more.
HIGH_WATER = 65_536
LOW_WATER = 32_768


class Http2Stream:
    """From its head to its end. `exchange` is missing where the head was refused."""

    __slots__ = (
        "_codec",
        "_held",
        "_is_clogged",
        "_is_delivering",
        "_is_discarding",
        "_is_held",
        "_is_tunnel",
        "_knows_end",
        "_stops",
        "_trailers",
        "_unread",
        "exchange",
        "has_turn",
        "is_gone",
        "moved",
        "number",
        "out",
        "request_over",
    )

    def __init__(self, codec: "Http2Client", number: int, *, request_over: bool) -> None:
        self._codec = codec
        self.number = number
        self.exchange: FastExchange | None = None
        self.out = Outflow(codec.sender, number)
        self.request_over = request_over
        """Whether the client has ended its side."""
        self.has_turn = False
        """Whether it stands in the queue of those that send."""
        self.is_gone = False
        self.moved = codec.clock()
        """When the client last took a byte of what waits for it."""
        self._held: deque[bytes] = deque()
        self._unread = 0
        """Bytes that came and do not open the window again yet, padding included (RFC 9113 6.9.1)."""
        self._is_held = True
        self._is_delivering = False
        self._is_discarding = False
        self._knows_end = False
        """Whether the exchange has heard that the request is complete, or never needs to."""
        self._trailers: Sequence[Field] = ()
        self._is_tunnel = False
        self._is_clogged = False
        self._stops = False
        """Whether the rest of the request is not wanted once the answer is out."""

    @property
    def arrival(self) -> Arrival:
        return self._codec.connection.arrival

    def begin(self, exchange: FastExchange) -> None:
        self.exchange = exchange
        self._knows_end = exchange.head.body.is_empty
        exchange.begin()

    # The request's body.

    def data_came(self, data: bytes, length: int, *, is_ended: bool) -> None:
        """`length` is what the frame took of the window."""
        self._unread += length
        if data and not self._is_discarding:
            self._held.append(data)
        self.request_over = is_ended
        self._deliver()

    def end_came(self, trailers: Sequence[Field]) -> None:
        self._trailers, self.request_over = trailers, True
        self._deliver()

    def _deliver(self) -> None:
        """Pass on what the exchange takes; the window opens again only for what an upstream has room for."""
        exchange = self.exchange
        if self._is_held or self._is_delivering or exchange is None:
            self._settle()
            return
        self._is_delivering = True
        try:
            while self._held and not self._is_held:
                exchange.body_came(self._held.popleft())
            if not self._is_held:
                self._open_window()
                self._tell_end(exchange)
        finally:
            self._is_delivering = False
        self._settle()

    def _tell_end(self, exchange: FastExchange) -> None:
        if not self.request_over or self._knows_end or self.is_gone:
            return
        self._knows_end = True
        if self._is_tunnel:
            exchange.client_half_closed()
        else:
            exchange.body_ended(self._trailers)

    def _open_window(self) -> None:
        if self._unread and not self.is_gone:
            self._codec.acknowledge(self.number, self._unread)
            self._unread = 0

    def hold(self) -> None:
        self._is_held = True

    def let(self) -> None:
        self._is_held = False
        self._deliver()

    def discard(self) -> None:
        self._is_discarding = True
        self._held.clear()
        self.let()

    # The answer.

    def interim(self, status: int, fields: Sequence[Field]) -> None:
        if not self.is_gone:
            self._codec.sender.send_answer(self.number, *answer_head(status, fields), end_stream=False)
            self._codec.head_was_sent()

    def start(self, start: AnswerStart, body: bytes, *, is_whole: bool) -> None:
        if self.is_gone:
            return
        sender, number = self._codec.sender, self.number
        status, fields = answer_head(start.status, start.fields)
        if is_whole and self._codec.outlet.send_whole(number, status, fields, body):
            self._codec.head_was_sent()
            self.out.is_ending = self.out.is_done = True
            self._settle()
            return
        sender.send_answer(number, status, fields, end_stream=False)
        self._codec.head_was_sent()
        self.send(body)
        if is_whole:
            self.out.end()

    def send(self, data: bytes) -> None:
        if self.is_gone or self.out.is_ending or not data:
            return
        if not self.out.waiting:
            self.moved = self._codec.clock()
        self.out.waiting += data
        self._codec.outlet.wants_turn(self)
        self._weigh()

    def finish(self, trailers: Sequence[Field] = ()) -> None:
        if self.is_gone or self.out.is_ending:
            return
        self.out.end([(name.lower(), value) for name, value in trailers if is_trailer(name.lower())])
        self._codec.outlet.flush_soon()
        self._settle()

    def has_sent(self) -> None:
        """The client has taken bytes; perhaps all."""
        self.moved = self._codec.clock()
        self._weigh()
        self._settle()

    def _weigh(self) -> None:
        """The upstream is read only as fast as the client reads."""
        size = len(self.out.waiting)
        is_clogged = size > (LOW_WATER if self._is_clogged else HIGH_WATER)
        if is_clogged != self._is_clogged:
            self._is_clogged = is_clogged
            if self.exchange:
                self.exchange.client_clogged(is_clogged)

    def stop_reading(self) -> None:
        self._stops = self._is_held = self._is_discarding = True
        self._settle()

    def break_off(self) -> None:
        self._reset(ErrorCodes.INTERNAL_ERROR)

    # The tunnel.

    def tunnel(self) -> None:
        self._is_tunnel, self._knows_end = True, False
        self.let()

    def half_close(self) -> None:
        self.finish()

    def close(self) -> None:
        self._stops = True
        self.finish()
        self._settle()

    # Ends.

    def _settle(self) -> None:
        """Let the stream go once both sides are done with it."""
        if self.is_gone or not self.out.is_done:
            return
        if self.request_over:
            self._leave()
        elif self._stops or self.exchange is None:
            self._reset(ErrorCodes.NO_ERROR)  # RFC 9113 8.1: the answer is complete, and the rest is not wanted

    def _reset(self, code: ErrorCodes) -> None:
        if not self.is_gone:
            self._codec.reset(self.number, code)
            self._leave()

    def _leave(self) -> None:
        self._open_window()
        self.is_gone = True
        self._held.clear()
        self.out.waiting.clear()
        self.exchange = None  # they hold each other, and would wait for the garbage collector
        self._codec.forget(self)

    def gone(self, reason: str) -> None:
        """The client has taken the request back, or has left."""
        if self.is_gone:
            return
        exchange = self.exchange
        self._leave()
        if exchange:
            exchange.client_gone(reason)

    def fault(self, error: Exception) -> None:
        """A fault of the gateway's own: it ends this stream and no other."""
        if self.exchange and not self.exchange.is_over:
            self.exchange.fault(error)
        else:
            self._codec.front.report(error)
            self._reset(ErrorCodes.INTERNAL_ERROR)

    def check(self, now: float) -> None:
        """Look at the deadlines: the exchange's, and those of a client that does not take its answer."""
        if self.exchange and not self.exchange.is_over:
            self.exchange.check(now)
        elif self.out.is_done:
            self._reset(ErrorCodes.NO_ERROR)  # the request's end is nobody's to wait for
        elif now - self.moved > self._codec.front.worker.settings.idle_timeout:
            self._reset(ErrorCodes.CANCEL)
