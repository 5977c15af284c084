"""What we accept, another strict parser reads the same way."""

from collections.abc import Iterator

import h11
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from mesh_gateway.routing.head import Framing, HeadLimits, Rejection, RequestHead, parse_http1
from tests.routing.drawn_heads import heads

LIMITS = HeadLimits(size=65536, fields=100, target=8192)


def body_for(head: RequestHead) -> tuple[bytes, bytes]:
    """A body framed as `head` says, and what it holds."""
    match head.body.framing:
        case Framing.CHUNKED:
            return b"3\r\nabc\r\n0\r\n\r\n", b"abc"
        case Framing.LENGTH if (head.body.length or 0) < 1000:
            content = b"x" * (head.body.length or 0)
            return content, content
        case _:
            return b"", b""


def events(connection: h11.Connection) -> Iterator[h11.Event]:
    while isinstance(happened := connection.next_event(), h11.Request | h11.Data | h11.EndOfMessage):
        yield happened
        if isinstance(happened, h11.EndOfMessage):
            return


def agrees_with_h11(head: RequestHead, raw: bytes) -> bool:
    """Does h11 see the same request, its body and its end, and the same bytes left over for the next one?"""
    framed, content = body_for(head)
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(raw + framed + b"GET /next")
    seen = list(events(connection))
    request = next(one for one in seen if isinstance(one, h11.Request))
    target = raw.split(b" ")[1]
    return (
        (request.method, request.target) == (head.method.encode(), target)
        and [value for name, value in request.headers if name == b"host"] == head.values(b"host")
        and b"".join(bytes(one.data) for one in seen if isinstance(one, h11.Data)) == content
        and isinstance(seen[-1], h11.EndOfMessage) is ((head.body.length or 0) < 1000)
        and connection.trailing_data[0] == b"GET /next"
    )


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(heads())
def test_what_is_accepted_is_read_alike_by_h11(raw: bytes) -> None:
    head = parse_http1(raw, LIMITS)
    event("rejected" if isinstance(head, Rejection) else f"accepted, {head.body.framing.value}")
    if isinstance(head, RequestHead):
        assert agrees_with_h11(head, raw)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_break_the_parser(raw: bytes) -> None:
    match parse_http1(raw, LIMITS):
        case Rejection(reason=reason):
            assert len(reason) <= 200
            assert reason.isprintable()
        case RequestHead(target=target):
            assert target.startswith("/")
