"""What do an exchange, its client and its upstream say to each other?

An exchange knows neither protocol: HTTP/1 and HTTP/2 implement these sides, so that any client meets any upstream.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from mesh_gateway.pipeline import Arrival
from mesh_gateway.routing.forwarding import ForwardedFields
from mesh_gateway.routing.head import Field, Framing, RequestHead


class AnswerStart(NamedTuple):
    """The head of an answer as the client is to get it; the codec adds the protocol's framing.

    A tuple, as `Question` is: a frozen dataclass takes five times as long to make, and this is made twice per request.
    """

    status: int
    reason: bytes
    fields: tuple[Field, ...]
    framing: Framing
    """NONE where no body follows, LENGTH where `fields` tell it."""
    closes: bool = False
    """Whether the client's connection ends with this exchange (HTTP/1)."""


class ClientSide(Protocol):
    """Where a request came from and its answer goes."""

    @property
    def arrival(self) -> Arrival:
        """How the request reached the gateway."""

    def interim(self, status: int, fields: Sequence[Field]) -> None:
        """Pass on a 1xx answer, where the client's protocol knows them."""

    def start(self, start: AnswerStart, body: bytes, *, is_whole: bool) -> None:
        """Send the head, and the body's beginning or all of it."""

    def send(self, data: bytes) -> None:
        """Send more of the body."""

    def finish(self, trailers: Sequence[Field] = ()) -> None:
        """The answer is complete."""

    def break_off(self) -> None:
        """End the answer so that nobody takes it for whole."""

    def hold(self) -> None:
        """Keep the request's body back: nobody can take it now."""

    def let(self) -> None:
        """Give what comes of the request's body."""

    def discard(self) -> None:
        """Throw away what is left of the request's body."""

    def stop_reading(self) -> None:
        """The answer is complete and the rest of the request is not wanted (RFC 9112 9.6, RFC 9113 8.1)."""

    def tunnel(self) -> None:
        """From now on bytes are the peers' own."""

    def half_close(self) -> None:
        """In a tunnel: the upstream will send no more."""

    def close(self) -> None:
        """In a tunnel: it is over."""


class Question(NamedTuple):
    """A request as the upstream is to get it."""

    method: str
    target: str
    authority: str
    scheme: str
    fields: ForwardedFields
    request_id: str
    framing: Framing
    """NONE, LENGTH as `fields` tell it, else as the protocol has it."""
    expects_continue: bool
    credentials: Sequence[bytes] = ()
    """The request's `Authorization`."""


class UpstreamSide(Protocol):
    """Where a request goes and its answer comes from: lent to one exchange at a time."""

    is_reused: bool
    """Whether the connection has served before."""

    @property
    def is_clogged(self) -> bool:
        """Whether the upstream does not take bytes as fast as they come."""

    def ask(self, question: Question) -> None:
        """Send the head."""

    def send(self, data: bytes) -> None:
        """Send a piece of the body."""

    def finish(self, trailers: Sequence[Field] = ()) -> None:
        """The request is complete."""

    def pause(self) -> None:
        """Read nothing more of the answer for now."""

    def resume(self) -> None:
        """Read on."""

    def half_close(self) -> None:
        """In a tunnel: the client will send no more."""

    def release(self) -> None:
        """The exchange is over: keep the connection for another where it can serve one."""

    def close(self) -> None:
        """Nobody will use it any more."""


class Borrower(Protocol):
    """Who hears what an upstream has to tell: the exchange that it is lent to."""

    @property
    def head(self) -> RequestHead:
        """The request."""

    def interim_came(self, status: int, fields: Sequence[Field]) -> None:
        """A 1xx answer other than 101."""

    def answered(self, start: AnswerStart, body: bytes, *, is_whole: bool) -> None:
        """The head of the answer, as it came, and what came with it of the body."""

    def answer_data(self, data: bytes) -> None:
        """More of the body, or of the tunnel."""

    def answer_complete(self, trailers: Sequence[Field] = ()) -> None:
        """The body has ended as it should."""

    def upstream_failed(self, reason: str, *, is_fault: bool = False) -> None:
        """The answer will not come, or not to its end. `is_fault`: because it breaks the protocol."""

    def upstream_ended(self) -> None:
        """In a tunnel: the upstream will send no more."""

    def upstream_clogged(self, is_clogged: bool) -> None:
        """The upstream does not take bytes as fast as they come, or does again."""

    def fault(self, error: Exception) -> None:
        """A fault of the gateway's own."""
