"""HTTP/2 towards an upstream, for what only HTTP/2 carries: gRPC ends its answers in trailers (RFC 9113).

One exchange at a time, as over HTTP/1.1: a stalled one never stalls another, and what is lent is given back whole.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, override

from h2 import events
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

from mesh_gateway.pipeline import Candidate
from mesh_gateway.proxy.fast_path import http2_wire
from mesh_gateway.proxy.fast_path.dialling import Line
from mesh_gateway.proxy.fast_path.http2_floods import Floods
from mesh_gateway.proxy.fast_path.http2_frames import Frame, FrameError, FrameSplitter, Kind, error_name
from mesh_gateway.proxy.fast_path.http2_heads import Broken, is_bodyless, is_trailer, read_answer_block, read_trailers
from mesh_gateway.proxy.fast_path.http2_outflow import Outflow
from mesh_gateway.proxy.fast_path.sides import AnswerStart, Borrower, Question
from mesh_gateway.proxy.fast_path.upstream import MAX_INTERIM_ANSWERS, UpstreamConnection
from mesh_gateway.routing.head import Field, Framing

if TYPE_CHECKING:
    from mesh_gateway.proxy.fast_path.pool import Pool

# Bytes of a request that may wait for the upstream's window before the client is not read any more.
HIGH_WATER = 65_536
LOW_WATER = 32_768
SWITCHING_PROTOCOLS = 101
# `:authority` says it (RFC 9113 8.3.1), and of the others HTTP/2 knows none (8.2.2).
_NOT_SENT = frozenset({b"host", b"connection", b"upgrade", b"transfer-encoding", b"keep-alive", b"proxy-connection"})


class Http2Upstream(UpstreamConnection):
    """One connection."""

    def __init__(
        self, pool: "Pool", candidate: Candidate, line: Line, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(pool, candidate, line)
        self._clock = clock
        self._h2 = http2_wire.client_side()
        self._frames = FrameSplitter()
        self._floods = Floods(http2_wire.MAX_HEADER_LIST)
        self._stream = 0
        """The stream of the exchange, 0 between two of them."""
        self._out = Outflow(self._h2, 0)
        self._trailers: Sequence[Field] = ()
        self._has_answered = False
        self._answer_complete = False
        self._interims = 0
        self._is_bodyless = False
        self._unread = 0
        """Bytes that came and do not open the window again yet."""
        self._is_paused = False
        self._is_told_clogged = False
        self._keeps = True
        self._is_over = False
        self._flush()

    @property
    def is_clogged(self) -> bool:
        waiting = len(self._out.waiting)
        return self.channel.is_clogged or waiting > (LOW_WATER if self._is_told_clogged else HIGH_WATER)

    @property
    def is_quiet(self) -> bool:
        """Whether the connection can take a request: open, and nothing came that nobody has read yet."""
        takes_one = self._keeps and self._h2.remote_settings.max_concurrent_streams > 0
        return takes_one and not self._is_over and not self.channel.is_closing and self.line.is_silent

    # What exchanges say.

    def ask(self, question: Question) -> None:
        block = [
            (b":method", question.method.encode()),
            (b":scheme", question.scheme.encode()),
            (b":path", question.target.encode()),
            (b":authority", question.authority.encode()),
        ]
        fields = question.fields.with_id(question.request_id)
        block += [(name, value) for key, value in fields if (name := key.lower()) not in _NOT_SENT]
        if question.expects_continue:
            block.append((b"expect", b"100-continue"))
        is_whole = question.framing is Framing.NONE
        self._stream = self._h2.get_next_available_stream_id()
        self._out = Outflow(self._h2, self._stream)
        self._out.is_ending = self._out.is_done = is_whole
        self._has_answered = self._answer_complete = False
        self._trailers = ()
        self._interims = 0
        self._h2.send_headers(self._stream, block, end_stream=is_whole)
        self._flush()
        self._is_told_clogged = self.is_clogged  # the exchange looks itself

    def send(self, data: bytes) -> None:
        if not self._out.is_ending and not self._is_over:
            self._out.waiting += data
            self._pump()

    def finish(self, trailers: Sequence[Field] = ()) -> None:
        if not self._out.is_ending and not self._is_over:
            self._out.end([(name.lower(), value) for name, value in trailers if is_trailer(name.lower())])
            self._pump()

    def pause(self) -> None:
        """The window shuts: what comes until then is at most its size."""
        self._is_paused = True

    def resume(self) -> None:
        self._is_paused = False
        self._open_window()
        self._flush()

    def half_close(self) -> None:
        self.finish()

    def release(self) -> None:
        self.borrower = None
        if self._keeps and self._answer_complete and self._out.is_done and not self._is_over:
            self.resume()
            self._stream = 0
            self.pool.keep(self)
        else:
            self.close()

    def close(self) -> None:
        self.borrower = None
        if not self._is_over and self._stream in self._h2.streams and not self._h2.streams[self._stream].closed:
            self._h2.reset_stream(self._stream, ErrorCodes.CANCEL)
            self._flush()
        self._is_over = True
        self.channel.close()

    # What the channel says.

    def received(self, data: bytes) -> None:
        try:
            for frame in self._frames.feed(data):
                if self._is_over:
                    return
                self._take(frame)
        except (FrameError, ProtocolError) as error:
            self._broken(str(error))
        self._pump()

    def ended(self, error: str | None) -> None:
        if self._answer_complete or self.borrower is None:
            self._drop()
        else:
            self._lost_answer(error or "connection closed")

    def clogged(self, is_clogged: bool) -> None:
        del is_clogged  # it is one of two reasons
        self._pump()

    # The answer.

    def _take(self, frame: Frame) -> None:
        is_known = frame.stream == self._stream and self._stream != 0
        if excess := self._floods.excess(frame, self._clock(), is_known=is_known):
            self._broken(excess)
        elif frame.kind == Kind.GOAWAY:
            self._goodbye(frame)
        else:
            for event in self._h2.receive_data(frame.raw):
                if self._is_over:
                    return
                self._hear(event)

    def _goodbye(self, frame: Frame) -> None:
        """No further exchange; the one that runs may go on if it was taken (RFC 9113 6.8). h2 would send nothing more."""
        self._keeps = False
        if self.borrower is None:
            self._drop()
        elif int.from_bytes(frame.payload[:4]) & 0x7FFF_FFFF < self._stream:
            self._lost_answer("the upstream says goodbye")

    def _hear(self, event: events.Event) -> None:
        borrower = self.borrower
        if borrower is None or getattr(event, "stream_id", None) != self._stream:
            return  # of an exchange that is over, or h2 has answered it
        match event:
            case events.DataReceived():
                self._unread += event.flow_controlled_length or 0
                if event.data and self._is_bodyless:
                    self._broken("a body where there can be none")
                    return
                if event.data:
                    borrower.answer_data(event.data)
                self._open_window()
            case events.InformationalResponseReceived():
                self._interim(borrower, event.headers or ())
            case events.ResponseReceived():
                self._answered(borrower, event.headers or (), is_whole=event.stream_ended is not None)
            case events.TrailersReceived():
                self._trailers_came(event.headers or ())
            case events.StreamEnded() if not self._answer_complete:
                self._answer_complete = True
                borrower.answer_complete(self._trailers)
            case events.StreamReset() if not self._answer_complete:
                self._lost_answer(f"stream reset by server ({error_name(event.error_code)})")
            case _:
                pass

    def _interim(self, borrower: Borrower, headers: Iterable[Field]) -> None:
        self._interims += 1
        read = read_answer_block(headers)
        if isinstance(read, Broken):
            self._broken(read.reason)
        elif read[0] == SWITCHING_PROTOCOLS:
            self._broken("101 over HTTP/2")  # RFC 9113 8.6
        elif self._interims > MAX_INTERIM_ANSWERS:
            self._broken("too many interim answers")
        else:
            borrower.interim_came(*read)

    def _answered(self, borrower: Borrower, headers: Iterable[Field], *, is_whole: bool) -> None:
        read = read_answer_block(headers)
        if isinstance(read, Broken):
            self._broken(read.reason)
            return
        status, fields = read
        has_length = any(name == b"content-length" for name, _ in fields)
        framing = Framing.LENGTH if has_length else Framing.UNTIL_END
        if is_bodyless(status) or borrower.head.method == "HEAD":
            framing = Framing.NONE
        self._is_bodyless = framing is Framing.NONE
        self._has_answered, self._answer_complete = True, is_whole
        borrower.answered(AnswerStart(status, b"", tuple(fields), framing), b"", is_whole=is_whole)

    def _trailers_came(self, headers: Iterable[Field]) -> None:
        trailers = read_trailers(headers)
        if isinstance(trailers, Broken):
            self._broken(trailers.reason)
        else:
            self._trailers = trailers

    # The request.

    def _pump(self) -> None:
        """Send what the upstream's windows let out, and say whether more would have room."""
        while not self._is_over and not self.channel.is_clogged and self._out.waiting and self._out.send_frame():
            pass
        self._flush()
        is_clogged = self.is_clogged
        if is_clogged != self._is_told_clogged and not self._is_over:
            self._is_told_clogged = is_clogged
            if self.borrower:
                self.borrower.upstream_clogged(is_clogged)

    def _open_window(self) -> None:
        if self._unread and not self._is_paused and not self._is_over:
            self._h2.acknowledge_received_data(self._unread, self._stream)
            self._unread = 0

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self.channel.send(data)

    # Ends.

    def _lost_answer(self, reason: str) -> None:
        text = f"the answer broke off: {reason}" if self._has_answered else reason
        self._fail(text, is_fault=False)

    def _broken(self, reason: str) -> None:
        self._fail(reason, is_fault=True)

    def _fail(self, reason: str, *, is_fault: bool) -> None:
        borrower = self.borrower
        if borrower is None or self._answer_complete:
            self._drop()
            return
        self._flush()  # h2's goodbye
        self._is_over = True
        self.channel.close()
        borrower.upstream_failed(reason, is_fault=is_fault)

    @override
    def _drop(self) -> None:
        self._flush()
        self._is_over = True
        self.pool.forget(self)
        self.channel.close()
