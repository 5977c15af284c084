"""Rows: what becomes of upstreams that break the protocol or the connection? HTTP/1."""

from collections.abc import Mapping

from tests.parity.row import Row
from tests.parity.script import Answers, Arrived, Send, ask, head, raw
from tests.parity.upstreams import (
    Then,
    answers,
    hello,
    hello_then_leave,
    refuses_early,
    says,
    takes_and_resets,
    up,
)
from tests.rig import behaviours
from tests.rig.call import Behaviour

WORDING = ("wording",)
READ_APART = (
    "mitmproxy reads an answer's head by rules of its own: what it cannot read is a broken connection to it, so that a "
    "GET is repeated, and some flaws it forgives (HAZARDS B5, B16). The fast path's reader is the strict one"
)

NO_RESET = (
    "only a reset tells an HTTP/1.0 client that a body without a length was cut, and mitmproxy's layers have no command "
    "for one: the flow path's client takes it for whole"
)


def closing(status_line: str, *lines: str, body: bytes = b"") -> Behaviour:
    return answers(status_line, *lines, body=body, then=Then.CLOSE)


BAD_HEADS: Mapping[str, Behaviour] = {
    "no status line": behaviours.garbage,
    "a status of two digits": closing("20 OK", "Content-Length: 0"),
    "a status of letters": closing("abc OK", "Content-Length: 0"),
    "HTTP/0.9": says(b"just bytes", Then.CLOSE),
    "half a head": says(b"HTTP/1.1 200 OK\r\nContent-", Then.CLOSE),
    "a folded field": closing("200 OK", "X: a", " b", "Content-Length: 0"),
    "a space before the colon": closing("200 OK", "X : a", "Content-Length: 0"),
    "a line without a colon": closing("200 OK", "nonsense", "Content-Length: 0"),
    "NUL in a value": closing("200 OK", "X: a\x00b", "Content-Length: 0"),
    "a bare CR in a value": closing("200 OK", "X: a\rb", "Content-Length: 0"),
    "two lengths": closing("200 OK", "Content-Length: 2", "Content-Length: 3", body=b"abc"),
    "the same length twice": closing("200 OK", "Content-Length: 2", "Content-Length: 2", body=b"ok"),
    "a length with a sign": closing("200 OK", "Content-Length: +2", body=b"ok"),
    "a negative length": closing("200 OK", "Content-Length: -2", body=b"ok"),
    "a head of a megabyte": behaviours.big_head(1 << 20),
}
FORGIVEN_HEADS: Mapping[str, Behaviour] = {
    "a version that is none": says(b"HTTP/3.7 200 OK\r\nContent-Length: 0\r\n\r\n", Then.CLOSE),
    "a control character in a value": closing("200 OK", "X: a\x01b", "Content-Length: 0"),
    "bare LF line ends": says(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", Then.CLOSE),
    "a coding nobody knows": closing("200 OK", "Transfer-Encoding: gzip", body=b"ok"),
}
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BAD_BODIES: Mapping[str, Behaviour] = {
    "a bad chunk size": says(CHUNKED + b"3\r\nabc\r\nzz\r\n", Then.CLOSE),
    "a chunk that does not end": says(CHUNKED + b"3\r\nabcd\r\n", Then.CLOSE),
    "a body that breaks off before its length": behaviours.cut(1000, 500),
    "chunks that break off": behaviours.cut_chunked(500),
    "a reset in a body with a length": answers("200 OK", "Content-Length: 1000", body=b"x" * 500, then=Then.RESET),
    "a reset in chunks": says(CHUNKED + b"3\r\nabc\r\n", Then.RESET),
    "a reset in a body without framing": answers("200 OK", body=b"x" * 500, then=Then.RESET),
}
TWO_GETS = (*ask(target="/1"), *ask(target="/2"))
UPLOAD = head("POST", "/", "Content-Length: 1000000") + b"x" * 1000
CHUNKED_UPLOAD = head("POST", "/", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n"
SMUGGLED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsmugg"

ROWS = (
    *(Row(name, (502,), places=(up(how),), apart=READ_APART, fast_statuses=(502,)) for name, how in BAD_HEADS.items()),
    *(
        Row(name, (200,), places=(up(how),), apart=READ_APART, fast_statuses=(502,))
        for name, how in FORGIVEN_HEADS.items()
    ),
    *(Row(name, (200,), places=(up(how),), allowed=WORDING) for name, how in BAD_BODIES.items()),
    Row("a head of 20 kB", (200,), places=(up(behaviours.big_head(20_000)),)),
    Row(
        "a reset in a body without framing, to HTTP/1.0",
        (200,),
        raw(head(version="HTTP/1.0")),
        (up(answers("200 OK", body=b"x" * 500, then=Then.RESET)),),
        apart=NO_RESET,
        fast_statuses=(200,),
    ),
    Row("nothing but an end", (502,), ask("POST", body=b"abc"), (up(behaviours.hang_up),), connections=1),
    Row(
        "nothing but a reset",
        (502,),
        ask("POST", body=b"abc"),
        (up(takes_and_resets),),
        connections=1,
        allowed=WORDING,
    ),
    Row(
        "more bytes than its length", (200,), places=(up(answers("200 OK", "Content-Length: 2", body=b"ok and more")),)
    ),
    Row(
        "bytes behind an answer, and another request",
        (200, 200),
        TWO_GETS,
        (up(answers("200 OK", "Content-Length: 2", body=b"ok" + SMUGGLED), hello),),
    ),
    Row(
        "an answer to an upload that still comes",
        (413,),
        (Send(UPLOAD), Arrived(1), Answers(("POST",))),
        (up(refuses_early),),
    ),
    Row(
        "an answer to chunks that still come",
        (413,),
        (Send(CHUNKED_UPLOAD), Arrived(1), Answers(("POST",))),
        (up(refuses_early),),
    ),
    Row(
        "a stale connection costs a GET one silent retry",
        (200, 200),
        TWO_GETS,
        (up(hello_then_leave, hello),),
        connections=2,
    ),
    Row(
        "an idle connection that breaks at a GET",
        (200, 200),
        TWO_GETS,
        (up(hello, takes_and_resets, hello),),
        connections=2,
        allowed=WORDING,
    ),
    Row(
        "an idle connection that breaks at a PUT",
        (200, 200),
        (*ask(target="/1"), *ask("PUT", "/2", body=b"abc")),
        (up(hello, takes_and_resets, hello),),
        connections=2,
        allowed=WORDING,
    ),
    Row(
        "a fresh connection that breaks at a POST",
        (200, 502),
        (*ask(target="/1"), *ask("POST", "/2", body=b"abc")),
        (up(hello, takes_and_resets, hello),),
        connections=2,
        allowed=WORDING,
    ),
)
