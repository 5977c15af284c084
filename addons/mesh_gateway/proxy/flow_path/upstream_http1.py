"""HTTP/1 towards an upstream on the flow path: mitmproxy's codec with the gateway's own reading of heads.

HAZARDS B and C say what mitmproxy's own codecs let through; each override names the one it cures.
"""

from typing import override

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HttpEvent, ReceiveHttp, RequestHeaders, RequestTrailers, ResponseProtocolError
from mitmproxy.proxy.layers.http._events import ErrorCode
from mitmproxy.proxy.layers.http._http1 import Http1Client, make_body_reader

from mesh_gateway.proxy.bounds import MAX_ANSWER_HEAD
from mesh_gateway.proxy.flow_path.assembly import make_headers, make_response
from mesh_gateway.proxy.flow_path.http1_body import BoundedBody, body_length
from mesh_gateway.proxy.flow_path.signals import AnswerReceived
from mesh_gateway.routing.framing import Body
from mesh_gateway.routing.http1_answer import AnswerHead, read_answer


class GatewayHttp1Client(BoundedBody, Http1Client):
    """The upstream's side."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._last_raw = b""
        self._last_answer: AnswerHead | str = ""

    @property
    def idle(self) -> bool:
        return self.stream_id is None and self.state == self.read_headers

    @override
    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        if isinstance(event, RequestTrailers):
            return  # HAZARDS B9: mitmproxy raises; a chunked body ends without them
        if isinstance(event, RequestHeaders) or self.stream_id is not None:
            yield from super().send(event)
        else:
            yield commands.CloseConnection(self.conn)

    @override
    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        if isinstance(event, events.DataReceived) and self.request:
            raw = self._next_head()
            if not raw and len(self.buf) > MAX_ANSWER_HEAD:
                yield from self._give_up("the head of the answer is too long")
                return
            if raw and (answer := self._read_answer(raw)):
                self.buf.maybe_extract_at_most(len(raw))
                yield from self._begin(*answer, event)
                return
        if isinstance(event, events.DataReceived) and not self.buf:
            return
        yield from super().read_headers(event)

    def _next_head(self) -> bytes:
        """The head that the buffer begins with, empty while it is not complete.

        Drops 1xx but 101: mitmproxy takes the first head for the final one (HAZARDS B10).
        """
        while True:
            head, end, _ = bytes(self.buf).partition(b"\r\n\r\n")
            raw = head + end if end else b""
            status = raw.partition(b"\r\n")[0].split(b" ")[1:2]
            if not status or not status[0].startswith(b"1") or status[0] == b"101":
                return raw
            self.buf.maybe_extract_at_most(len(raw))

    def _read_answer(self, raw: bytes) -> tuple[AnswerHead, Body] | None:
        """A head that keeps every rule, and where its body ends; what breaks one is left to mitmproxy, and to `answer_fault`.

        Within one second an upstream often says the same head again.
        """
        if raw != self._last_raw:
            self._last_raw, self._last_answer = raw, read_answer(raw)
        answer = self._last_answer
        assert self.request  # noqa: S101 - nothing is read before one is out
        if isinstance(answer, str) or isinstance(body := answer.framing(self.request.method), str):
            return None
        return answer, body

    def _begin(self, answer: AnswerHead, body: Body, event: events.DataReceived) -> layer.CommandGenerator[None]:
        assert self.stream_id is not None  # noqa: S101 - that of the request
        self.response = make_response(
            version=answer.version.encode(),
            status=answer.status,
            reason=answer.reason,
            headers=make_headers(tuple(answer.fields)),
        )
        length = body_length(body)
        yield ReceiveHttp(AnswerReceived(self.stream_id, self.response, length == 0, answer.fields))
        self.body_reader = make_body_reader(length)
        self.state = self.read_body
        yield from self.state(event)

    def _give_up(self, reason: str) -> layer.CommandGenerator[None]:
        yield commands.CloseConnection(self.conn)
        if self.stream_id is not None:
            yield ReceiveHttp(ResponseProtocolError(self.stream_id, reason, ErrorCode.GENERIC_SERVER_ERROR))

    @override
    def broken_body(self, reason: str, event: events.Event) -> layer.CommandGenerator[None]:
        yield from self._give_up(f"the answer broke off: {reason}")
