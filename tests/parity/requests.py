"""Rows: which requests are carried, and how is their framing? HTTP/1."""

from tests.parity.row import Row
from tests.parity.script import Answers, Arrived, HalfClose, Interim, Leave, Send, ask, head, raw
from tests.parity.upstreams import continues, hello, is_silent, refuses_body, up
from tests.rig import behaviours
from tests.rig.payload import blocks

BIG = b"".join(blocks(300_000))
EXPECTS = "Expect: 100-continue"


def chunked(*pieces: bytes, last: bytes = b"0\r\n\r\n") -> bytes:
    """A chunked body."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + last


ROWS = (
    Row("GET", (200,)),
    Row("GET with a query", (200,), ask(target="/a/b?c=d&e=%20%2F")),
    Row("GET with odd characters in its target", (200,), ask(target="//a//../b;c=[d]{e}|^`%zz")),
    Row("GET over TLS", (200,), tls=True),
    Row("HEAD", (200,), ask("HEAD")),
    Row("OPTIONS", (200,), ask("OPTIONS", "/x")),
    Row("OPTIONS *", (200,), ask("OPTIONS", "*")),
    Row("PUT with a length", (200,), ask("PUT", "/x", body=b"abc")),
    Row("PATCH with a length", (200,), ask("PATCH", "/x", body=b"abc")),
    Row("DELETE", (200,), ask("DELETE", "/x")),
    Row("DELETE with a body", (200,), ask("DELETE", "/x", body=b"abc")),
    Row("GET with a body", (200,), ask(body=b"abc")),
    Row("POST without a length", (200,), ask("POST")),
    Row("POST of nothing", (200,), ask("POST", body=b"")),
    Row("POST with a length", (200,), ask("POST", body=b"abc"), connections=1),
    Row(
        "POST with a length that begins with zeros",
        (200,),
        raw(head("POST", "/x", "Content-Length: 003") + b"abc", "POST"),
    ),
    Row("POST over TLS", (200,), ask("POST", body=b"abc"), tls=True),
    Row("an unusual method", (200,), ask("PROPFIND", "/dav/", "Depth: 1", body=b"<x/>")),
    Row("a method nobody knows", (200,), ask("BREW", "/pot-1")),
    Row("POST of 300 kB", (200,), ask("POST", body=BIG)),
    Row(
        "POST in chunks", (200,), raw(head("POST", "/x", "Transfer-Encoding: chunked") + chunked(b"abc", b"de"), "POST")
    ),
    Row(
        "POST of 300 kB in chunks",
        (200,),
        raw(head("POST", "/x", "Transfer-Encoding: chunked") + chunked(*blocks(300_000)), "POST"),
    ),
    Row("POST of no chunks", (200,), raw(head("POST", "/x", "Transfer-Encoding: chunked") + chunked(), "POST")),
    Row("GET with chunks", (200,), raw(head("GET", "/x", "Transfer-Encoding: chunked") + chunked(b"abc"))),
    Row(
        "chunks with extensions and trailers",
        (200,),
        raw(
            head("POST", "/x", "Transfer-Encoding: chunked", "Trailer: X-Sum")
            + b"3;a=b\r\nabc\r\n"
            + b"0;c\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n",
            "POST",
        ),
    ),
    Row(
        "chunked in capitals",
        (200,),
        raw(head("POST", "/x", "TRANSFER-ENCODING: Chunked") + chunked(b"abc"), "POST"),
    ),
    Row(
        "an upload that comes in pieces",
        (200,),
        (
            Send(head("POST", "/x", "Content-Length: 6")),
            Arrived(1),
            Send(b"abc"),
            Send(b"def"),
            Answers(("POST",)),
        ),
    ),
    Row(
        "Expect with the body right behind",
        (200,),
        raw(head("POST", "/x", "Content-Length: 3", EXPECTS) + b"abc", "POST"),
        (up(continues, hello),),
        allowed=("continue",),
    ),
    Row(
        "Expect and a patient client",
        (200,),
        (Send(head("POST", "/x", "Content-Length: 3", EXPECTS)), Interim(), Send(b"abc"), Answers(("POST",))),
        (up(continues, hello),),
        allowed=("continue",),
    ),
    Row(
        "Expect of a chunked upload",
        (200,),
        (
            Send(head("POST", "/x", "Transfer-Encoding: chunked", EXPECTS)),
            Interim(),
            Send(chunked(b"abc")),
            Answers(("POST",)),
        ),
        (up(continues, hello),),
        allowed=("continue",),
    ),
    Row(
        "Expect that the upstream refuses",
        (417,),
        (Send(head("POST", "/x", "Content-Length: 3", EXPECTS)), Answers(("POST",))),
        (up(refuses_body),),
        allowed=("continue",),
    ),
    Row("Expect without a body", (200,), ask("GET", "/", EXPECTS), allowed=("continue",)),
    Row("an expectation that nobody can meet", (400,), ask("POST", "/", "Expect: a-miracle", body=b"abc")),
    Row("HTTP/1.0", (200,), raw(head(version="HTTP/1.0"))),
    Row("HTTP/1.0 and an answer in chunks", (200,), raw(head(version="HTTP/1.0")), (up(behaviours.chunked(5)),)),
    Row("HTTP/1.0 with keep-alive", (200,), raw(head("GET", "/", "Connection: keep-alive", version="HTTP/1.0"))),
    Row(
        "HTTP/1.0 with keep-alive and an answer in chunks",
        (200,),
        raw(head("GET", "/", "Connection: Keep-Alive", version="HTTP/1.0")),
        (up(behaviours.chunked(5)),),
    ),
    Row(
        "HTTP/1.0 with an upload",
        (200,),
        raw(head("POST", "/", "Content-Length: 3", version="HTTP/1.0") + b"abc", "POST"),
    ),
    Row("Connection: close", (200,), ask("GET", "/", "Connection: close")),
    Row("Connection: close among others", (200,), ask("GET", "/", "Connection: x-a, Close", "X-A: 1")),
    Row("two requests, one after the other", (200, 200), (*ask(target="/1"), *ask(target="/2")), connections=1),
    Row("two uploads, one after the other", (200, 200), (*ask("PUT", "/1", body=b"a"), *ask("PUT", "/2", body=b"bc"))),
    Row(
        "POST behind GET gets a fresh connection",
        (200, 200),
        (*ask(), *ask("POST", body=b"abc")),
        connections=2,
    ),
    Row(
        "pipelined requests",
        (200, 200, 200),
        raw(
            head(target="/1") + head("HEAD", "/2") + head("POST", "/3", "Content-Length: 2") + b"ok",
            "GET",
            "HEAD",
            "POST",
        ),
    ),
    Row("pipelined behind Connection: close", (200,), raw(head("GET", "/1", "Connection: close") + head(target="/2"))),
    Row(
        "pipelined behind chunks",
        (200, 200),
        raw(head("POST", "/1", "Transfer-Encoding: chunked") + chunked(b"abc") + head(target="/2"), "POST", "GET"),
    ),
    Row(
        "a pipeline with a refusal in its middle",
        (200, 404, 200),
        raw(head(target="/1") + head(host="nobody.example.com") + head(target="/3"), "GET", "GET", "GET"),
    ),
    Row(
        "a pipeline that turns bad",
        (200, 400),
        raw(head(target="/1") + b"BAD\r\n\r\n" + head(target="/3"), "GET", "GET"),
    ),
    Row("absolute-form", (200,), ask(target="http://{host}/a?b")),
    Row("absolute-form without a path", (200,), ask(target="http://{host}")),
    Row("absolute-form with a query alone", (200,), ask(target="http://{host}?a=b")),
    Row("absolute-form of OPTIONS", (200,), ask("OPTIONS", "http://{host}")),
    Row("absolute-form with the port and other letters", (200,), ask(target="HTTP://{host}:80/x")),
    Row("an empty line before the request", (200,), raw(b"\r\n" + head())),
    Row("a head byte by byte", (200,), (*(Send(bytes([byte])) for byte in head()[:22]), *raw(head()[22:]))),
    Row(
        "half a close behind the request",
        (),
        (Send(head()), Arrived(1), HalfClose(), Answers(("GET",))),
        (up(is_silent),),
        allowed=("wording",),
    ),
    Row(
        "half a close in an upload",
        (),
        (Send(head("POST", "/", "Content-Length: 9") + b"abc"), Arrived(1), HalfClose(), Answers(("POST",))),
        allowed=("wording",),
    ),
    Row(
        "a client that leaves in an upload",
        (),
        (Send(head("POST", "/", "Content-Length: 9") + b"abc"), Arrived(1), Leave()),
        allowed=("wording",),
    ),
    Row(
        "a client that leaves before the answer",
        (),
        (Send(head()), Arrived(1), Leave()),
        (up(is_silent),),
        allowed=("wording",),
    ),
    Row("a client that leaves in its head", (), (Send(head()[:20]), HalfClose(), Answers(("GET",)))),
)
