"""One request on the fast path, from its head to its end.

Knows no sockets and no protocol (`sides.py`): it asks the brain where the request goes, walks the candidates, passes
bytes on as fast as the slower side takes them, and closes with one record whatever happens.
"""

import asyncio
import logging
from collections.abc import Sequence
from enum import IntEnum, unique
from typing import TYPE_CHECKING, assert_never

from mesh_gateway.observe.exchange import Exchange
from mesh_gateway.pages import Answer
from mesh_gateway.pipeline import Forward, NeedsRoutes, OwnAnswer, Reply, Visit
from mesh_gateway.proxy.bounds import DISCARDABLE_BODY, REPEATABLE_BODY
from mesh_gateway.proxy.fast_path.sides import AnswerStart, ClientSide, Question, UpstreamSide
from mesh_gateway.proxy.fast_path.walk import Walk
from mesh_gateway.routing.forwarding import answer_fields
from mesh_gateway.routing.head import Field, Framing, RequestHead, Version
from mesh_gateway.routing.redirect import secured
from mesh_gateway.routing.resolution import Resolution
from mesh_gateway.routing.verdicts import VERDICTS, Failure

if TYPE_CHECKING:
    from mesh_gateway.proxy.fast_path.front import Front

logger = logging.getLogger(__name__)

# So long an upstream may think about `Expect: 100-continue`. Many never answer it, and RFC 9110 10.1.1 lets a client
# wait for as long as it likes; curl waits a second.
EXPECT_SECONDS = 1.0
CONTINUE, SWITCHING_PROTOCOLS = 100, 101
NEVER = float("inf")


@unique
class Phase(IntEnum):
    """How far an exchange has come. Integers, for an enum's own hash is Python and is asked for at each step."""

    HEAD = 0
    RESOLVING = 1
    CONNECTING = 2
    WAITING = 3
    """The request is on its way to an upstream that has not answered."""
    ANSWERING = 4
    TUNNEL = 5
    LEFTOVERS = 6
    """Answered; what is left of the request is being thrown away."""
    OVER = 7


# The state machine: which phase may follow which. Own answers go from anywhere before ANSWERING to the end.
FOLLOWING: dict[Phase, frozenset[Phase]] = {
    Phase.HEAD: frozenset({Phase.RESOLVING, Phase.CONNECTING, Phase.WAITING, Phase.LEFTOVERS, Phase.OVER}),
    Phase.RESOLVING: frozenset({Phase.CONNECTING, Phase.WAITING, Phase.LEFTOVERS, Phase.OVER}),
    Phase.CONNECTING: frozenset({Phase.CONNECTING, Phase.WAITING, Phase.LEFTOVERS, Phase.OVER}),
    Phase.WAITING: frozenset(
        {Phase.CONNECTING, Phase.WAITING, Phase.ANSWERING, Phase.TUNNEL, Phase.LEFTOVERS, Phase.OVER}
    ),
    Phase.ANSWERING: frozenset({Phase.OVER}),
    Phase.TUNNEL: frozenset({Phase.OVER}),
    Phase.LEFTOVERS: frozenset({Phase.OVER}),
    Phase.OVER: frozenset(),
}


class FastExchange:
    """One request and its answer."""

    __slots__ = (
        "_expecting",
        "_is_sent",
        "_may_repeat",
        "_phase",
        "_request_ended",
        "_rest_is_unwanted",
        "_sent_body",
        "_task",
        "_tunnel_ends",
        "_upstream",
        "_walk",
        "client",
        "deadline",
        "forward",
        "front",
        "head",
        "record",
    )

    def __init__(self, front: "Front", client: ClientSide, head: RequestHead, record: Exchange) -> None:
        self.front = front
        self.client = client
        self.head = head
        self.record = record
        self.forward: Forward | None = None
        self.deadline = NEVER
        self._phase = Phase.HEAD
        self._task: asyncio.Task[None] | None = None
        self._walk: Walk | None = None
        self._upstream: UpstreamSide | None = None
        self._request_ended = head.body.is_empty
        self._may_repeat = False
        self._sent_body: bytes | None = b""
        """The body so far, None once it is too long to be repeated."""
        self._is_sent = False
        """Whether the upstream has the whole request."""
        self._rest_is_unwanted = False
        self._tunnel_ends = 0
        self._expecting: asyncio.TimerHandle | None = None

    @property
    def is_over(self) -> bool:
        return self._phase is Phase.OVER

    @property
    def has_answered(self) -> bool:
        """Whether a byte of the answer has gone to the client."""
        return self._phase in (Phase.ANSWERING, Phase.TUNNEL, Phase.LEFTOVERS, Phase.OVER)

    def _enter(self, phase: Phase) -> None:
        if phase not in FOLLOWING[self._phase]:
            raise RuntimeError(f"exchange cannot go from {self._phase} to {phase}")
        self._phase = phase

    # identify, resolve, choose

    def begin(self) -> None:
        """Find out where the request goes, and send it there."""
        worker = self.front.worker
        decision = worker.brain.admit(self.head, self.client.arrival, now=self.record.started)
        match decision:
            case NeedsRoutes(visit):
                worker.describe(self.record, visit)
                resolution = worker.resolver.peek(visit.tenant or "")
                if resolution is None:
                    self._enter(Phase.RESOLVING)  # no deadline: the resolver has a budget of its own
                    self._task = self.front.tasks.start(self._resolve(visit), name="exchange resolves")
                else:
                    self._choose(visit, resolution)
            case Forward(visit):
                worker.describe(self.record, visit)
                self._follow(decision)
            case _:
                self._follow(decision)

    async def _resolve(self, visit: Visit) -> None:
        try:
            resolution = await self.front.worker.resolver.resolve(visit.tenant or "")
            self._task = None
            self._choose(visit, resolution)
        except Exception as error:  # noqa: BLE001 - the guard of what runs outside a channel's
            self.fault(error)

    def _choose(self, visit: Visit, resolution: Resolution) -> None:
        worker = self.front.worker
        self.record.resolved = now = worker.clock()
        self.record.cache = resolution.cache
        self._follow(worker.brain.choose(visit, resolution, now=now))

    def _follow(self, decision: Reply | Forward) -> None:
        match decision:
            case Forward():
                self.forward = decision
                self._walk = Walk(self.front, self, decision.candidates, http2=self.head.needs_http2)
                self._may_repeat = self.head.is_idempotent and not decision.visit.websocket
                self._walk.go_on(fresh=not self._may_repeat)
            case Reply():
                self._reply(decision)
            case _:
                assert_never(decision)

    # connect

    def connecting(self) -> None:
        self._enter(Phase.CONNECTING)
        self.deadline = NEVER  # dialling has one of its own

    def found(self, upstream: UpstreamSide) -> None:
        assert self._walk  # noqa: S101 - it calls
        self._upstream = upstream
        self.record.connected = self.front.worker.clock()
        self.record.served_by = self._walk.attempt
        self._enter(Phase.WAITING)
        self._ask()

    def exhausted(self, failure: Failure) -> None:
        self._fail(failure)

    # the request's body

    def _ask(self) -> None:
        """Send the request, as much as there is of it; the client's body follows as it comes."""
        upstream, forward, sent = self._upstream, self.forward, self._sent_body
        assert upstream  # noqa: S101 - connected
        assert forward  # noqa: S101
        visit, head, worker = forward.visit, self.head, self.front.worker
        expects = head.expects_continue and not sent
        if self._expecting:
            self._expecting.cancel()
        if expects:
            self._expecting = asyncio.get_running_loop().call_later(EXPECT_SECONDS, self._tell_to_continue)
        upstream.ask(
            Question(
                method=head.method,
                target=head.target,
                authority=visit.host,
                scheme=visit.scheme,
                fields=worker.brain.forwarded(visit),
                request_id=visit.request_id,
                framing=head.body.framing,
                expects_continue=expects,
                credentials=head.fields.by_name.get(b"authorization", ()),
            )
        )
        if sent:
            upstream.send(sent)
        if self._request_ended:
            self._request_is_sent()
        else:
            self._touch(worker.settings.idle_timeout)
            if not upstream.is_clogged:
                self.client.let()

    def _tell_to_continue(self) -> None:
        """The upstream has not said whether it wants the body: the client need not wait any longer."""
        if self._phase is Phase.WAITING and not self._request_ended and not self.record.bytes_received:
            self.client.interim(CONTINUE, ())

    def _request_is_sent(self, trailers: Sequence[Field] = ()) -> None:
        assert self._upstream  # noqa: S101 - connected
        self._is_sent = True
        if not self.has_answered:
            self._touch(self.front.worker.settings.first_byte_timeout)
        self._upstream.finish(trailers)

    def body_came(self, data: bytes) -> None:
        """The client has sent a piece of the body; only where it was let."""
        upstream, record = self._upstream, self.record
        if upstream is None or self._phase is Phase.OVER:
            return
        record.bytes_received += len(data)
        settings = self.front.worker.settings
        if self._phase is not Phase.TUNNEL:
            if record.bytes_received > settings.max_body_size:
                self._fail(Failure.BODY_TOO_LARGE, "the body grew past the limit")
                return
            if self._sent_body is not None and self._phase is Phase.WAITING:
                kept = self._sent_body + data
                self._sent_body = kept if len(kept) <= REPEATABLE_BODY else None
            self._touch(settings.idle_timeout)
        else:
            self._touch(settings.tunnel_idle_timeout)
        upstream.send(data)

    def body_ended(self, trailers: Sequence[Field] = ()) -> None:
        """The client's request is complete."""
        self._request_ended = True
        if self._phase is Phase.LEFTOVERS:
            self._enter(Phase.OVER)
        elif self._phase in (Phase.WAITING, Phase.ANSWERING):
            self._request_is_sent(trailers)

    # the answer

    def interim_came(self, status: int, fields: Sequence[Field]) -> None:
        if status == CONTINUE and self._expecting:
            self._expecting.cancel()
        if self._phase is Phase.WAITING and self.head.version is not Version.HTTP_1_0:
            self.client.interim(status, answer_interim_fields(fields))

    def answered(self, start: AnswerStart, body: bytes, *, is_whole: bool) -> None:
        """The upstream's head is there, and with small answers all of it."""
        record, forward, worker = self.record, self.forward, self.front.worker
        assert forward  # noqa: S101 - or there would be no upstream
        assert self._walk  # noqa: S101
        record.first_byte = worker.clock()
        is_upgrade = start.status == SWITCHING_PROTOCOLS
        if is_upgrade and not forward.visit.websocket:
            self.upstream_failed("an upgrade nobody asked for", is_fault=True)
            return
        record.status = start.status
        self._sent_body = None
        self._walk.praise()
        self._enter(Phase.TUNNEL if is_upgrade else Phase.ANSWERING)
        fields = answer_fields(
            secured(start.fields, worker.transport_security(record, forward)),
            request_id=record.request_id,
            mesh_route=worker.mesh_route(record, forward) if forward.visit.control.trace else None,
            upgrade=is_upgrade,
        )
        closes = not self._request_ended or not worker.keeps_connections
        told = AnswerStart(start.status, start.reason, fields, start.framing, closes)
        if is_upgrade:
            self._open_tunnel(told, body)
            return
        record.bytes_sent += len(body)
        if is_whole:
            self._end_with_answer()
        else:
            self._touch(worker.settings.idle_timeout)
        self.client.start(told, body, is_whole=is_whole)
        if is_whole and not self._request_ended:
            self.client.stop_reading()

    def answer_data(self, data: bytes) -> None:
        self.record.bytes_sent += len(data)
        settings = self.front.worker.settings
        self._touch(settings.tunnel_idle_timeout if self._phase is Phase.TUNNEL else settings.idle_timeout)
        self.client.send(data)

    def answer_complete(self, trailers: Sequence[Field] = ()) -> None:
        self._end_with_answer()
        self.client.finish(trailers)
        if not self._request_ended:
            self.client.stop_reading()

    def _end_with_answer(self) -> None:
        """The answer is complete. An early one leaves the rest of the request unread.

        Before the client gets it: its next request may be there already, and wants the upstream connection.
        """
        self._finish_record()
        self._enter(Phase.OVER)
        upstream, self._upstream = self._upstream, None
        if upstream:
            upstream.release() if self._request_ended else upstream.close()

    def client_clogged(self, is_clogged: bool) -> None:
        """The client does not take bytes as fast as they come, or does again."""
        if self._upstream:
            self._upstream.pause() if is_clogged else self._upstream.resume()

    def upstream_clogged(self, is_clogged: bool) -> None:
        if self._phase in (Phase.WAITING, Phase.ANSWERING, Phase.TUNNEL):
            self.client.hold() if is_clogged else self.client.let()

    # the tunnel

    def _open_tunnel(self, start: AnswerStart, data: bytes) -> None:
        self.record.upgrade = "websocket"
        self._touch(self.front.worker.settings.tunnel_idle_timeout)
        self.client.start(start, b"", is_whole=False)
        self.client.tunnel()
        if data:
            self.answer_data(data)

    def client_half_closed(self) -> None:
        """In a tunnel: the client will send no more."""
        if self._upstream:
            self._upstream.half_close()
        self._tunnel_end()

    def upstream_ended(self) -> None:
        self.client.half_close()
        self._tunnel_end()

    def _tunnel_end(self) -> None:
        self._tunnel_ends += 1
        if self._tunnel_ends == 2:  # noqa: PLR2004 - both sides
            self._end_tunnel()

    def _end_tunnel(self) -> None:
        upstream, self._upstream = self._upstream, None
        self._finish_record()
        self._enter(Phase.OVER)
        if upstream:
            upstream.close()
        self.client.close()

    # the gateway's own answers

    def _reply(self, reply: Reply) -> None:
        record = self.record
        record.request_id, record.client = reply.request_id, reply.client
        record.host = reply.host or record.host
        if isinstance(reply.answer, Failure):
            self._refuse(reply.answer, reason=reply.reason, last_seen_online=reply.last_seen_online)
        else:
            self._own_page(reply.answer)

    def _own_page(self, own: OwnAnswer) -> None:
        self._answer(self.front.worker.own_answer(own))

    def _refuse(self, failure: Failure, *, reason: str | None = None, last_seen_online: str | None = None) -> None:
        record = self.record
        record.failure, record.reason = failure, reason
        accept = self.head.first(b"accept")
        self._answer(
            self.front.worker.failure_answer(failure, record, accept=accept, last_seen_online=last_seen_online)
        )

    def _answer(self, answer: Answer) -> None:
        """Answer without the upstream and, where the body is long, without reading it (HAZARDS C1)."""
        record, worker = self.record, self.front.worker
        if not self._request_ended:
            self._rest_is_unwanted = self._rest_is_unwanted or is_long(self.head)
        record.status = answer.status
        fields = self.front.fields_of(answer, record)
        if route := self._told_route():
            fields.append((b"X-Mesh-Route", route))
        body = b"" if self.head.method == "HEAD" else answer.body
        record.bytes_sent = len(body)
        closes = self._rest_is_unwanted or not worker.keeps_connections
        self._finish_record()
        self._enter(Phase.OVER if self._request_ended or self._rest_is_unwanted else Phase.LEFTOVERS)
        if self._phase is Phase.LEFTOVERS:
            self._touch(worker.settings.idle_timeout)
            self.client.discard()
        self.client.start(
            AnswerStart(answer.status, answer.reason, tuple(fields), Framing.LENGTH, closes), body, is_whole=True
        )
        if self._rest_is_unwanted:
            self.client.stop_reading()

    def _told_route(self) -> bytes | None:
        route = self.front.worker.mesh_route(self.record, self.forward)
        return route.encode() if route else None

    # ends

    def _fail(self, failure: Failure, reason: str | None = None) -> None:
        """Answer with the failure where the answer has not begun, else break off so that nobody takes it for whole."""
        record = self.record
        if self._phase is Phase.OVER:
            return
        if self._walk and not self.has_answered:
            self._walk.break_attempt(reason)
        self._let_upstream_go()
        if not self.has_answered:
            self._refuse(failure, reason=reason)
            return
        record.failure, record.reason = record.failure or failure, reason
        self._break_off()

    def _break_off(self) -> None:
        self._finish_record()
        if self._phase is not Phase.OVER:
            self._enter(Phase.OVER)
        self.client.break_off()

    def _let_upstream_go(self) -> None:
        if self._task:
            self._task.cancel()
            self._task = None
        if self._walk:
            self._walk.stop()
        upstream, self._upstream = self._upstream, None
        if upstream:
            upstream.close()

    def upstream_failed(self, reason: str, *, is_fault: bool = False) -> None:
        if self._phase is Phase.OVER:
            return
        if self._phase is Phase.TUNNEL:
            self._end_tunnel()
            return
        if not self.has_answered and not is_fault and self._repeat(reason):
            return
        if not self.has_answered and not is_fault and self._walk and self._is_sent:
            # else it may be the client's fault, who dawdles until the upstream hangs up
            self._walk.blame()
        self._fail(Failure.UPSTREAM_PROTOCOL, reason)

    def _repeat(self, reason: str) -> bool:
        """Send the request once more where that is safe: nothing was answered, and all of it is at hand."""
        walk, upstream = self._walk, self._upstream
        if not self._may_repeat or self._sent_body is None or not walk or not upstream:
            return False
        walk.break_attempt(reason)
        self.record.served_by = None
        self._is_sent = False
        self.client.hold()
        if not upstream.is_reused:
            # An upstream that closed an idle connection just as it was used is not to blame (HAZARDS D6).
            self._may_repeat = False
            walk.blame()
        walk.turn_back(same=upstream.is_reused)
        self._let_upstream_go()
        walk.go_on(fresh=True)
        return True

    def client_gone(self, reason: str) -> None:
        """The client has left, or has taken its request back."""
        if self._phase is Phase.OVER:
            return
        if self._phase is Phase.TUNNEL:
            self._end_tunnel()
            return
        self._let_upstream_go()
        if self._phase is not Phase.LEFTOVERS:
            self.record.failure, self.record.reason = Failure.CLIENT_CLOSED, reason
            self._finish_record()
        self._enter(Phase.OVER)

    def client_broke(self, reason: str) -> None:
        """The client's body breaks its framing: where it ends nobody knows."""
        self._rest_is_unwanted = True
        self._fail(Failure.BAD_REQUEST, reason)

    def fault(self, error: Exception) -> None:
        """The outermost guard: a fault of the gateway is a 500 and never a wrong upstream."""
        self.front.worker.metrics.hook_failed("exchange")
        self.record.request_id = self.record.request_id or self.front.worker.brain.new_id()
        logger.error("fault in exchange %s", self.record.request_id, exc_info=error)
        self._rest_is_unwanted = not self._request_ended
        self._fail(Failure.INTERNAL, repr(error))

    def check(self, now: float) -> None:
        """Whether the peer that this exchange waits for has had its time."""
        if now <= self.deadline:
            return
        if self._phase is Phase.TUNNEL:
            self._end_tunnel()
        elif self._phase is Phase.LEFTOVERS:
            self._enter(Phase.OVER)
            self.client.stop_reading()
        elif not self._request_ended and not self._is_stalled():
            self._rest_is_unwanted = True
            self._fail(Failure.REQUEST_TIMEOUT, "the request's body stopped coming")
        else:
            self._fail(Failure.UPSTREAM_TIMEOUT, "the upstream stopped answering")

    def _is_stalled(self) -> bool:
        """Whether the upstream does not take the request."""
        return self._upstream is not None and self._upstream.is_clogged

    def _touch(self, seconds: float) -> None:
        self.deadline = self.front.worker.clock() + seconds

    def _finish_record(self) -> None:
        """Close the record once."""
        record = self.record
        if record.ended is not None:
            return
        self.deadline = NEVER
        if self._expecting:
            self._expecting.cancel()
        if not record.status and record.failure:
            record.status = VERDICTS[record.failure].status
        self.front.worker.finish(record)
        self._walk = None  # it holds the exchange: without a circle nothing waits for the collector


def is_long(head: RequestHead) -> bool:
    """Whether a body is too long to be read only to be thrown away, or may never come."""
    length = head.body.length
    return length is None or length > DISCARDABLE_BODY or head.first(b"expect") is not None


def answer_interim_fields(fields: Sequence[Field]) -> list[Field]:
    """What of an interim answer's fields is for the client: Link and the like, nothing of one hop's."""
    return [field for field in fields if field[0].lower() not in ONE_HOP_INTERIM]


ONE_HOP_INTERIM = frozenset(
    {b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"upgrade", b"alt-svc"}
)
