"""HTTP/1 towards a client: strict heads, bodies framed anew, one exchange at a time (RFC 9112).

Pipelined requests are answered in order: the next head is read when the exchange before it is over.
"""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, assert_never

from mesh_gateway.pipeline import Arrival
from mesh_gateway.proxy.bounds import LINGER_BYTES, LINGER_SECONDS
from mesh_gateway.proxy.fast_path.chunked import LAST_CHUNK, ChunkedBody, Progress, chunk
from mesh_gateway.proxy.fast_path.exchange import FastExchange
from mesh_gateway.proxy.fast_path.sides import AnswerStart
from mesh_gateway.proxy.flow_path.messages import glimpse
from mesh_gateway.routing.head import Field, Framing, Rejection, RequestHead, Version
from mesh_gateway.routing.http1_head import HeadReader
from mesh_gateway.routing.persistence import ends_with_answer
from mesh_gateway.routing.verdicts import Failure

if TYPE_CHECKING:
    from mesh_gateway.proxy.fast_path.connection import ClientConnection

# Bytes of a body or of pipelined requests that may wait for their turn.
HIGH_WATER = 65_536
# Requests answered in one go before the others get their turn.
IN_ONE_GO = 32
SWITCHING_PROTOCOLS = 101
NO_CONTENT = 204


class Http1Client:
    """One client connection that speaks HTTP/1."""

    def __init__(self, connection: "ClientConnection") -> None:
        self.connection = connection
        self.channel = connection.channel
        self.front = connection.front
        self.exchange: FastExchange | None = None
        self._reader = HeadReader(self.front.worker.head_limits)
        self._buffer = b""
        self._step: Callable[[], bool] = self._read_head
        """What to do with the bytes in the buffer; gives whether there is more to do."""
        self._is_stepping = False
        self._since = self.front.worker.clock()
        """When the state that a deadline is on began."""
        self._head_begun = False
        self._searched = 0
        self._requests = 0
        self._lingered = 0
        self._left = 0
        self._chunks: ChunkedBody | None = None
        self._is_held = True
        self._body_over = True
        self._answer_over = True
        self._sends_chunks = False
        self._ends_with_answer = False
        self._closes = False

    @property
    def arrival(self) -> Arrival:
        return self.connection.arrival

    @property
    def is_idle(self) -> bool:
        """Whether no request has begun."""
        return self.exchange is None and not self._buffer and self._step == self._read_head

    # Bytes come.

    def received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        self._run()

    def _run(self) -> None:
        """Go on as far as the bytes reach. A step may end an exchange and so begin another: no recursion."""
        if self._is_stepping:
            return
        self._is_stepping = True
        turns = 0
        try:
            while self._buffer and self._step():
                turns += 1
                if turns >= IN_ONE_GO:
                    asyncio.get_running_loop().call_soon(self.connection.guarded, self._run)
                    break
        finally:
            self._is_stepping = False
        if len(self._buffer) > HIGH_WATER:
            self.channel.pause()
        else:
            self.channel.resume()

    def _wait(self) -> bool:
        """Bytes behind a request wait until its exchange is over (HAZARDS C6)."""
        return False

    def _ignore(self) -> bool:
        """Throw away what comes behind broken framing, until the answer to it is out."""
        self._buffer = b""
        return False

    def _linger(self) -> bool:
        """Throw away what still comes, up to a bound."""
        self._lingered += len(self._buffer)
        self._buffer = b""
        if self._lingered > LINGER_BYTES:
            self.channel.close()
        return False

    # The head.

    def _read_head(self) -> bool:
        buffer = self._buffer
        if self.channel.is_clogged:
            return False  # it asks and does not listen
        end = head_end(buffer, self._searched)
        if not end and len(buffer) <= self.front.worker.head_limits.size:
            self._searched = max(0, len(buffer) - 3)
            if not self._head_begun:
                # From the first byte on, the clock of a whole head runs: trickling does not renew it.
                self._head_begun, self._since = True, self.front.worker.clock()
            return False
        self._searched = 0
        raw, self._buffer = (buffer[:end], buffer[end:]) if end else (buffer, b"")
        head = self._reader.read(raw)
        if isinstance(head, Rejection):
            self._refuse(head, raw)
            return True
        if self.connection.takes_flow_path(head.authority):
            self._buffer, self._step = b"", self._ignore
            self.connection.hand_over(buffer)
            return False
        self._begin(head)
        return True

    def _begin(self, head: RequestHead) -> None:
        self._head_begun = False
        self._requests += 1
        self._answer_over = False
        self._body_over = head.body.is_empty
        if self._body_over:
            self._step = self._wait
        else:
            self._is_held = True
            self._left = head.body.length or 0
            is_chunked = head.body.framing is Framing.CHUNKED
            self._chunks = ChunkedBody() if is_chunked else None
            self._step = self._read_chunks if is_chunked else self._read_length
        record = self.front.open_record(self.connection, head.version.value, head.method, head.target, head.authority)
        self.exchange = FastExchange(self.front, self, head, record)
        self.exchange.begin()

    def _refuse(self, rejection: Rejection, raw: bytes) -> None:
        """Answer what is not a request, and close: nobody knows where the next one would begin (RFC 9112 9.6)."""
        answer, fields = self.front.refuse_unread(self.connection, rejection, glimpse(raw))
        self._closes = True
        self._write_head(answer.status, answer.reason, [*fields, (b"Connection", b"close")], answer.body)
        self._begin_linger()

    # The body.

    def _read_length(self) -> bool:
        if self._is_held:
            return False
        data, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
        self._left -= len(data)
        exchange = self.exchange
        assert exchange  # noqa: S101 - a body follows a head
        if not self._left:
            self._step = self._wait
        exchange.body_came(data)
        if not self._left:
            self._end_body(exchange)
        return True

    def _read_chunks(self) -> bool:
        if self._is_held:
            return False
        exchange, chunks = self.exchange, self._chunks
        assert exchange  # noqa: S101 - a body follows a head
        assert chunks  # noqa: S101 - made with the head
        chunks.feed(self._buffer)
        self._buffer = b""
        piece = chunks.take()
        if piece.data:
            exchange.body_came(piece.data)
        if self._step != self._read_chunks:
            return True  # that was the end of the exchange
        match piece.progress:
            case Progress.WAITS:
                return False
            case Progress.GOES_ON:
                self._buffer = chunks.give_back()
            case Progress.OVER:
                self._buffer, self._step = chunks.give_back(), self._wait
                self._end_body(exchange)
            case Progress.BROKEN:
                self._step = self._ignore
                exchange.client_broke(piece.reason)
            case _:
                assert_never(piece.progress)
        return True

    def _end_body(self, exchange: FastExchange) -> None:
        self._body_over = True
        exchange.body_ended()
        self._next()

    def hold(self) -> None:
        self._is_held = True

    def let(self) -> None:
        if self._is_held:
            self._is_held = False
            self._run()

    def discard(self) -> None:
        self.let()

    # The answer.

    def interim(self, status: int, fields: Sequence[Field]) -> None:
        reason = HTTPStatus(status).phrase.encode() if status in HTTPStatus else b""
        self.channel.send(_head(status, reason, fields) + b"\r\n")

    def start(self, start: AnswerStart, body: bytes, *, is_whole: bool) -> None:
        exchange = self.exchange
        assert exchange  # noqa: S101 - it is the one that answers
        head = exchange.head
        status = start.status
        fields = list(start.fields)
        self._closes = start.closes
        self._sends_chunks = self._ends_with_answer = False
        if status == SWITCHING_PROTOCOLS:
            self._write_head(status, start.reason, fields, b"")
            return
        if status == NO_CONTENT:  # RFC 9110 8.6: none may have one
            fields = [field for field in fields if field[0].lower() != b"content-length"]
        if start.framing in (Framing.CHUNKED, Framing.UNTIL_END):
            if head.version is Version.HTTP_1_1:
                self._sends_chunks = True
                fields.append((b"Transfer-Encoding", b"chunked"))
            else:
                self._ends_with_answer = self._closes = True
        self._closes = self._closes or ends_with_answer(head.version, head.fields.by_name.get(b"connection", ()))
        if self._closes:
            fields.append((b"Connection", b"close"))
        elif head.version is Version.HTTP_1_0:
            fields.append((b"Connection", b"keep-alive"))
        self._write_head(status, start.reason, fields, self._framed(body) + self._last_chunk(is_whole=is_whole))
        if is_whole:
            self._end_answer()

    def _write_head(self, status: int, reason: bytes, fields: Sequence[Field], body: bytes) -> None:
        self.channel.send(b"%b\r\n%b" % (_head(status, reason, fields), body))

    def send(self, data: bytes) -> None:
        self.channel.send(self._framed(data))

    def finish(self, trailers: Sequence[Field] = ()) -> None:  # noqa: ARG002 - the side's signature
        """HTTP/1 clients get no trailers (RFC 9110 6.5.1 lets an intermediary drop them)."""
        if last := self._last_chunk(is_whole=True):
            self.channel.send(last)
        self._end_answer()

    def _framed(self, data: bytes) -> bytes:
        return chunk(data) if self._sends_chunks else data

    def _last_chunk(self, *, is_whole: bool) -> bytes:
        return LAST_CHUNK if self._sends_chunks and is_whole else b""

    def _end_answer(self) -> None:
        self._answer_over = True
        self._next()

    def _next(self) -> None:
        """Once both the request and its answer are over, the connection is free for another exchange, or ends."""
        if not (self._answer_over and self._body_over) or self.exchange is None:
            return
        self.exchange = None
        self._chunks = None
        if self._closes:
            self._begin_linger()
            return
        self._since = self.front.worker.clock()
        self._step = self._read_head
        if self._buffer:
            self._run()

    def stop_reading(self) -> None:
        self.exchange = None
        self._begin_linger()

    def break_off(self) -> None:
        self.exchange = None
        self._step = self._ignore
        self.channel.reset() if self._ends_with_answer else self.channel.close()

    def _begin_linger(self) -> None:
        """Say goodbye, and read on for a moment: closing on unread bytes would reset the answer away."""
        if self._step == self._linger:
            return
        self._step = self._linger
        self._since = self.front.worker.clock()
        self._lingered = len(self._buffer)
        self._buffer = b""
        if self.connection.has_client_ended:
            self.channel.close()
        else:
            self.channel.finish()
            self.channel.resume()

    # The tunnel.

    def tunnel(self) -> None:
        self._step = self._relay
        self._is_held = False
        self._run()  # some clients speak before they have read the answer

    def _relay(self) -> bool:
        exchange = self.exchange
        assert exchange  # noqa: S101 - the tunnel is its
        if self._is_held:
            return False
        data, self._buffer = self._buffer, b""
        exchange.body_came(data)
        return False

    def half_close(self) -> None:
        self.channel.finish()

    def close(self) -> None:
        self.exchange = None
        self._step = self._ignore
        self.channel.close()

    # Ends.

    def ended(self, error: str | None) -> None:
        """The client will send no more: outside of a tunnel that means it has left (HAZARDS B13), as nginx has it."""
        exchange = self.exchange
        if exchange is None:
            self.channel.close()
        elif self._step == self._relay:
            exchange.client_half_closed()
            if error:
                exchange.client_gone(error)
        else:
            self.exchange = None
            exchange.client_gone(error or "client disconnected")
            self.channel.close()

    def lost(self) -> None:
        """A client that had said its last word in a tunnel, or whose answer was on its way, is gone altogether."""
        exchange, self.exchange = self.exchange, None
        if exchange:
            exchange.client_gone("client disconnected")

    has_unsent = False
    """What is sent goes to the socket at once."""

    def clogged(self, is_clogged: bool) -> None:
        if self.exchange:
            self.exchange.client_clogged(is_clogged)
        if not is_clogged:
            self._run()

    def fault(self, error: Exception) -> None:
        if self.exchange:
            self.exchange.fault(error)
        else:
            self.channel.abort()

    def drain(self) -> None:
        """No further request after the one that is on its way."""
        if self.is_idle and self._requests:
            self.channel.close()

    def check(self, now: float) -> None:
        """Deadlines: of a head, of the next request, of a lingering close, and the exchange's own."""
        settings = self.front.worker.settings
        if self._step == self._linger:
            if now - self._since > LINGER_SECONDS:
                self.channel.close()
        elif self.exchange:
            self.exchange.check(now)
        elif self._step == self._read_head:
            is_head = self._head_begun or not self._requests
            if now - self._since > (settings.header_timeout if is_head else settings.keepalive_timeout):
                self._time_is_up()

    def _time_is_up(self) -> None:
        if self._head_begun:
            raw, self._buffer = self._buffer, b""
            self._refuse(Rejection(Failure.REQUEST_TIMEOUT, "the head did not arrive in time"), raw)
        else:
            self.channel.close()


def head_end(data: bytes, start: int) -> int:
    """Where a head ends by any reading, lenient ones too: what is wrong with it is for the parser to say. 0: nowhere yet."""
    if not start and data.startswith(b"\r\n"):
        start = 2
    strict, lenient = data.find(b"\n\r\n", start), data.find(b"\n\n", start)
    if lenient < 0 or -1 < strict < lenient:
        return strict + 3 if strict >= 0 else 0
    return lenient + 2


def _head(status: int, reason: bytes, fields: Sequence[Field]) -> bytes:
    lines = [b"HTTP/1.1 %d %b" % (status, reason)]
    lines += [name + b": " + value for name, value in fields]
    lines.append(b"")
    return b"\r\n".join(lines)
