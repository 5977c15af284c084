"""Rows: what of all that is the same over HTTP/2?"""

from tests.parity.broken_answers import READ_APART
from tests.parity.row import House, Row
from tests.parity.script import HOST, Ask, Ending, Lines, streams
from tests.parity.upstreams import (
    Flaw,
    Then,
    Tls,
    Up,
    answers,
    continues,
    hello,
    is_silent,
    refuses_early,
    takes_and_resets,
    up,
)
from tests.rig import behaviours
from tests.rig.payload import blocks

BIG = b"".join(blocks(300_000))
PSEUDO: Lines = ((":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", HOST))
GRPC: Lines = (("content-type", "application/grpc"), ("te", "trailers"))
METHOD, SCHEME, PATH, AUTHORITY = PSEUDO


ROWS = (
    Row("GET", (200,), streams(Ask(path="/a?b=c"))),
    Row("HEAD", (200,), streams(Ask("HEAD"))),
    Row("DELETE", (200,), streams(Ask("DELETE"))),
    Row("OPTIONS *", (200,), streams(Ask("OPTIONS", "*"))),
    Row("POST with a length", (200,), streams(Ask("POST", fields=(("content-length", "3"),), body=b"abc"))),
    Row("POST without a length", (200,), streams(Ask("POST", body=b"abc"))),
    Row("POST of nothing", (200,), streams(Ask("POST", body=b""))),
    Row("POST of 300 kB", (200,), streams(Ask("POST", body=BIG))),
    Row("POST that ends in its head", (200,), streams(Ask("POST"))),
    Row("POST with trailers", (200,), streams(Ask("POST", body=b"abc", trailers=(("x-sum", "1"),)))),
    Row(
        "Expect",
        (200,),
        streams(Ask("POST", fields=(("expect", "100-continue"),), body=b"abc")),
        (up(continues),),
        allowed=("continue",),
    ),
    Row("an answer in chunks", (200,), streams(Ask()), (up(behaviours.chunked(100_000, ("x-sum", "1"))),)),
    Row("an answer until close", (200,), streams(Ask()), (up(behaviours.until_close(50_000)),)),
    Row("204", (204,), streams(Ask()), (up(answers("204 No Content")),)),
    Row("304", (304,), streams(Ask()), (up(answers("304 Not Modified", "Content-Length: 5")),)),
    Row("103, then 200", (200,), streams(Ask()), (up(behaviours.interim(103)),), allowed=("interim",)),
    Row(
        "fields of the hop in an answer",
        (200,),
        streams(Ask()),
        (
            up(
                answers(
                    "200 OK",
                    "Connection: X-A",
                    "X-A: 1",
                    "Keep-Alive: 1",
                    "Upgrade: h2c",
                    "X-Odd: 1",
                    "Content-Length: 0",
                )
            ),
        ),
    ),
    Row(
        "streams one after another",
        (200, 200, 200),
        streams(Ask(path="/1"), Ask(path="/2"), Ask(path="/3")),
        connections=1,
    ),
    Row(
        "twenty streams at once",
        (200,) * 20,
        streams(*(Ask(path=f"/{number:02}") for number in range(20)), at_once=True),
        shuffled=True,
    ),
    Row(
        "uploads at once",
        (200,) * 5,
        streams(*(Ask("PUT", f"/{number}", body=BIG[: 1 << 16]) for number in range(5)), at_once=True),
        shuffled=True,
    ),
    Row(
        "a reader that keeps its window shut",
        (200,),
        streams(Ask(ending=Ending.READ_SLOWLY)),
        (up(behaviours.download(700_000)),),
    ),
    Row(
        "a client that resets its upload",
        (200,),
        streams(Ask("POST", ending=Ending.RESET), Ask(path="/next")),
        allowed=("wording",),
    ),
    Row("an early answer", (413,), streams(Ask("POST", body=BIG)), (up(refuses_early),)),
    Row("cookies in crumbs", (200,), streams(Ask(fields=(("cookie", "a=1"), ("x", "1"), ("cookie", "b=2"))))),
    Row(
        "claims of a stranger",
        (200,),
        streams(
            Ask(
                fields=(
                    ("x-forwarded-for", "6.6.6.6"),
                    ("x-real-ip", "6.6.6.6"),
                    ("forwarded", "for=6.6.6.6"),
                    ("x_y", "1"),
                    ("x-mesh-trace", "1"),
                )
            )
        ),
    ),
    Row(
        "claims of a trusted peer",
        (200,),
        streams(
            Ask(
                fields=(
                    ("x-forwarded-for", "6.6.6.6"),
                    ("x-forwarded-proto", "http"),
                    ("x-request-id", "told-by-the-peer"),
                )
            )
        ),
        house=House.TRUSTING,
    ),
    Row("host beside :authority", (200,), streams(Ask(fields=(("host", HOST),)))),
    Row("host in place of :authority", (200,), streams(Ask(head=(METHOD, SCHEME, PATH, ("host", HOST))))),
    Row(
        "a port and capitals in :authority",
        (200,),
        streams(Ask(head=(METHOD, SCHEME, PATH, (":authority", "Shop-{host}:443")))),
    ),
    Row("an upstream that never answers", (504,), streams(Ask()), (up(is_silent),), House.HASTY),
    Row(
        "a failover",
        (200,),
        streams(Ask("PUT", fields=(("x-mesh-trace", "1"),), body=BIG)),
        (Flaw.REFUSES, up(source="tunnel")),
    ),
    Row(
        "a stale connection",
        (200, 200),
        streams(Ask(path="/1"), Ask(path="/2")),
        (up(hello, takes_and_resets, hello),),
        connections=2,
        allowed=("wording",),
    ),
    Row(
        "an upstream that breaks its answer",
        (200,),
        streams(Ask()),
        (up(behaviours.cut(1000, 500)),),
        allowed=("wording",),
    ),
    Row(
        "an upstream that talks nonsense",
        (502,),
        streams(Ask()),
        (up(behaviours.garbage),),
        apart=READ_APART,
        fast_statuses=(502,),
    ),
    Row(
        "gRPC to an HTTP/2 upstream",
        (200,),
        streams(Ask("POST", "/pkg.Service/Call", GRPC, b"\0\0\0\0\1x", (("x-sum", "1"),))),
        (up(tls=Tls.HTTP2),),
    ),
    Row("a GET to an HTTP/2 upstream", (200,), streams(Ask()), (up(tls=Tls.HTTP2),)),
    Row(
        "gRPC to an HTTP/1 upstream",
        (200,),
        streams(Ask("POST", "/pkg.Service/Call", GRPC, b"\0\0\0\0\1x")),
        (up(tls=Tls.GOOD),),
    ),
    Row(
        "an answer without framing",
        (200,),
        streams(Ask()),
        (up(answers("200 OK", body=b"to the end", then=Then.CLOSE)),),
    ),
    Row("all routes refuse", (504, 504), streams(Ask(), Ask("HEAD")), (Flaw.REFUSES,)),
    Row(
        "no route alive, and then one on the same connection",
        (504, 200),
        streams(Ask(path="/1"), Ask(path="/2", wakes=True)),
        (Up(sleeps=True),),
    ),
)
