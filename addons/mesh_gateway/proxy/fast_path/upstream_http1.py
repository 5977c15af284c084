"""HTTP/1.1 towards an upstream: one exchange at a time, strictly read, framed anew (RFC 9112)."""

import asyncio
from collections.abc import Sequence
from enum import Enum, unique
from typing import TYPE_CHECKING, assert_never, override

from mesh_gateway.pipeline import Candidate
from mesh_gateway.proxy.bounds import MAX_ANSWER_HEAD
from mesh_gateway.proxy.fast_path.chunked import LAST_CHUNK, ChunkedBody, Progress, chunk
from mesh_gateway.proxy.fast_path.dialling import Line
from mesh_gateway.proxy.fast_path.sides import AnswerStart, Borrower, Question
from mesh_gateway.proxy.fast_path.upstream import MAX_INTERIM_ANSWERS, UpstreamConnection
from mesh_gateway.routing.head import Field, Framing
from mesh_gateway.routing.http1_answer import AnswerHead, read_answer

if TYPE_CHECKING:
    from mesh_gateway.proxy.fast_path.pool import Pool

SWITCHING_PROTOCOLS = 101
_EXPECTS = b"Expect: 100-continue\r\n"


@unique
class Reading(Enum):
    """What the next byte of the upstream is part of."""

    NOTHING = "nothing"
    """No request is out: any byte is one too many."""
    HEAD = "head"
    LENGTH = "length"
    CHUNKED = "chunked"
    UNTIL_END = "until end"
    TUNNEL = "tunnel"
    OVER = "over"


_BODY = {Framing.LENGTH: Reading.LENGTH, Framing.CHUNKED: Reading.CHUNKED, Framing.UNTIL_END: Reading.UNTIL_END}


class Http1Upstream(UpstreamConnection):
    """One connection."""

    def __init__(self, pool: "Pool", candidate: Candidate, line: Line) -> None:
        super().__init__(pool, candidate, line)
        self._reading = Reading.NOTHING
        self._buffer = b""
        self._left = 0
        self._chunks: ChunkedBody | None = None
        self._sends_chunks = False
        self._request_sent = False
        self._answer_complete = False
        self._keeps = True
        self._is_bound = False
        self._interims = 0
        self._is_held = False
        """Whether the client cannot take what comes."""
        self._last_raw = b""
        self._last_answer: AnswerHead | str = ""

    @property
    def is_clogged(self) -> bool:
        return self.channel.is_clogged

    @property
    def is_quiet(self) -> bool:
        """Whether the connection can take a request: open, and nothing came that nobody asked for."""
        return not self.channel.is_closing and self._reading is Reading.NOTHING and self.line.is_silent

    # What exchanges say.

    def ask(self, question: Question) -> None:
        extra = _EXPECTS if question.expects_continue else b""
        self._sends_chunks = question.framing in (Framing.CHUNKED, Framing.UNTIL_END)
        if self._sends_chunks:
            # HTTP/2 bodies need no length, HTTP/1 bodies do or they become the next request (HAZARDS B1).
            extra += b"Transfer-Encoding: chunked\r\n"
        self._is_bound = bool(question.credentials) and _signs_in_connections(question.credentials)
        self._reading = Reading.HEAD
        self._request_sent = self._answer_complete = self._is_held = False
        self._interims = 0
        line = f"{question.method} {question.target} HTTP/1.1\r\n".encode()
        self.channel.send(b"%b%b%b\r\n" % (line, question.fields.http1_lines(question.request_id), extra))

    def send(self, data: bytes) -> None:
        self.channel.send(chunk(data) if self._sends_chunks else data)

    def finish(self, trailers: Sequence[Field] = ()) -> None:  # noqa: ARG002 - the side's signature
        """HTTP/1 upstreams get no trailers: RFC 9110 6.5.1 lets an intermediary drop them."""
        self._request_sent = True
        if self._sends_chunks:
            self.channel.send(LAST_CHUNK)

    def pause(self) -> None:
        self._is_held = True
        self.channel.pause()

    def resume(self) -> None:
        self._is_held = False
        self.channel.resume()

    def half_close(self) -> None:
        self.channel.finish()

    def release(self) -> None:
        self.borrower = None
        if self._keeps and self._answer_complete and self._request_sent and not self._buffer and not self._is_bound:
            self._reading = Reading.NOTHING
            self.channel.resume()
            self.pool.keep(self)
        else:
            self.close()

    def close(self) -> None:
        self.borrower = None
        self._reading = Reading.OVER
        self.channel.close()

    # What the channel says.

    def received(self, data: bytes) -> None:
        if self._reading is Reading.HEAD:
            self._read_head(self._buffer + data if self._buffer else data)
        elif self._reading is Reading.NOTHING:
            self._drop()  # an answer that nobody asked for: whose would the next one be?
        elif self._reading is not Reading.OVER:
            self._read_body(data)

    def ended(self, error: str | None) -> None:
        reading, borrower = self._reading, self.borrower
        if reading is Reading.NOTHING or borrower is None:
            self._drop()
        elif reading is Reading.TUNNEL:
            borrower.upstream_ended()
            if error:
                borrower.upstream_failed(error)
        elif reading is Reading.UNTIL_END and not error:
            self._keeps = False
            self._complete(borrower)
        elif reading is Reading.HEAD:
            self._reading = Reading.OVER
            borrower.upstream_failed(
                error or ("the head of the answer broke off" if self._buffer else "server closed connection")
            )
        elif reading is not Reading.OVER:
            self._reading = Reading.OVER
            borrower.upstream_failed(f"the answer broke off: {error or 'connection closed'}")

    def clogged(self, is_clogged: bool) -> None:
        if self.borrower:
            self.borrower.upstream_clogged(is_clogged)

    # The answer.

    def _read_head(self, data: bytes) -> None:
        borrower = self.borrower
        assert borrower  # noqa: S101 - a request is out
        while True:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:  # noqa: PLR2004 - not found
                self._buffer = data
                if len(data) > MAX_ANSWER_HEAD:
                    self._broken(borrower, "the head of the answer is too long")
                return
            answer = self._read_answer(data[:end])
            if isinstance(answer, str):
                self._broken(borrower, answer)
                return
            data, self._buffer = data[end:], b""
            if answer.status >= 200 or answer.status == SWITCHING_PROTOCOLS:  # noqa: PLR2004 - RFC 9110 15
                self._begin(borrower, answer, data)
                return
            self._interims += 1
            if self._interims > MAX_INTERIM_ANSWERS:
                self._broken(borrower, "too many interim answers")
                return
            borrower.interim_came(answer.status, answer.fields)
            if not data or self.borrower is not borrower:
                return

    def _read_answer(self, raw: bytes) -> AnswerHead | str:
        """Within one second an upstream often says the same head again."""
        if raw != self._last_raw:
            self._last_raw, self._last_answer = raw, read_answer(raw)
        return self._last_answer

    def _begin(self, borrower: Borrower, answer: AnswerHead, data: bytes) -> None:
        if answer.status == SWITCHING_PROTOCOLS:
            self._reading, self._keeps = Reading.TUNNEL, False
            borrower.answered(_start(answer, Framing.NONE), data, is_whole=False)
            return
        found = answer.framing(borrower.head.method)
        if isinstance(found, str):
            self._broken(borrower, found)
            return
        framing, length = found.framing, found.length
        self._keeps = answer.keeps_alive
        self._is_bound = self._is_bound or _signs_in_connections(answer.values(b"www-authenticate"))
        start = _start(answer, framing)
        match framing:
            case Framing.NONE:
                self._surplus(data)
                self._answer_complete = True
                borrower.answered(start, b"", is_whole=True)
            case Framing.LENGTH:
                self._left = length or 0
                self._begin_length(borrower, start, data)
            case Framing.CHUNKED | Framing.UNTIL_END:
                self._reading = _BODY[framing]
                self._chunks = ChunkedBody() if framing is Framing.CHUNKED else None
                borrower.answered(start, b"", is_whole=False)
                if data and self.borrower is borrower:
                    self._read_body(data)
            case _:
                assert_never(framing)

    def _begin_length(self, borrower: Borrower, start: AnswerStart, data: bytes) -> None:
        if len(data) < self._left:
            self._reading = Reading.LENGTH
            self._left -= len(data)
            borrower.answered(start, data, is_whole=False)
            return
        self._surplus(data[self._left :])
        self._answer_complete = True
        borrower.answered(start, data[: self._left], is_whole=True)

    def _read_body(self, data: bytes) -> None:
        borrower = self.borrower
        assert borrower  # noqa: S101 - a request is out
        match self._reading:
            case Reading.LENGTH:
                self._read_length(borrower, data)
            case Reading.CHUNKED:
                self._read_chunks(borrower, data)
            case _:  # until the end, or a tunnel
                borrower.answer_data(data)

    def _read_length(self, borrower: Borrower, data: bytes) -> None:
        if len(data) < self._left:
            self._left -= len(data)
            borrower.answer_data(data)
            return
        self._surplus(data[self._left :])
        borrower.answer_data(data[: self._left])
        if self.borrower is borrower:
            self._complete(borrower)

    def _read_chunks(self, borrower: Borrower, data: bytes) -> None:
        assert self._chunks  # noqa: S101 - made with the head
        self._chunks.feed(data)
        piece = self._chunks.take()
        if piece.data:
            borrower.answer_data(piece.data)
        if self.borrower is not borrower:
            return
        match piece.progress:
            case Progress.WAITS:
                pass
            case Progress.GOES_ON:
                self.channel.pause()
                asyncio.get_running_loop().call_soon(self._read_on, borrower)
            case Progress.OVER:
                self._surplus(self._chunks.give_back())
                self._complete(borrower)
            case Progress.BROKEN:
                self._broken(borrower, f"the answer broke off: {piece.reason}", is_fault=False)
            case _:
                assert_never(piece.progress)

    def _read_on(self, borrower: Borrower) -> None:
        if self.borrower is not borrower or self._reading is not Reading.CHUNKED:
            return
        try:
            if not self._is_held:
                self.channel.resume()
            self._read_chunks(borrower, b"")
        except Exception as error:  # noqa: BLE001 - the guard of what runs outside a channel's
            self.fault(error)

    def _complete(self, borrower: Borrower) -> None:
        self._answer_complete = True
        borrower.answer_complete()

    def _surplus(self, data: bytes) -> None:
        """Bytes behind the answer: nobody can say whose they are, so the connection ends with this exchange."""
        if data:
            self._keeps = False

    def _broken(self, borrower: Borrower, reason: str, *, is_fault: bool = True) -> None:
        self._reading = Reading.OVER
        self.channel.close()
        borrower.upstream_failed(reason, is_fault=is_fault)

    @override
    def _drop(self) -> None:
        self._reading = Reading.OVER
        self.pool.forget(self)
        self.channel.close()


def _start(answer: AnswerHead, framing: Framing) -> AnswerStart:
    return AnswerStart(answer.status, answer.reason, answer.fields, framing)


def _signs_in_connections(values: Sequence[bytes]) -> bool:
    """Whether credentials are for the connection rather than the request: whoever used it next would be signed in."""
    return any(value.lower().startswith((b"negotiate", b"ntlm")) for value in values)
