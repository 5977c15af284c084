"""Rows: which answers of upstreams are carried, and how is their framing? HTTP/1."""

from tests.parity.row import Row
from tests.parity.script import ask, head, raw
from tests.parity.upstreams import Then, answers, says, up
from tests.rig import behaviours

ROWS = (
    Row("204", (204,), places=(up(answers("204 No Content", "X: 1")),)),
    Row("204 with a length", (204,), places=(up(answers("204 No Content", "Content-Length: 0")),)),
    Row("205", (205,), places=(up(answers("205 Reset Content", "Content-Length: 0")),)),
    Row(
        "301",
        (301,),
        places=(up(answers("301 Moved Permanently", "Location: http://elsewhere/", "Content-Length: 0")),),
    ),
    Row(
        "304 with the length that a 200 would have",
        (304,),
        places=(up(answers("304 Not Modified", 'ETag: "x"', "Content-Length: 5")),),
    ),
    Row("404", (404,), places=(up(answers("404 Not Found", "Content-Length: 4", body=b"none")),)),
    Row("500", (500,), places=(up(answers("500 Oops", "Content-Length: 4", body=b"oops")),)),
    Row("503 with Retry-After", (503,), places=(up(answers("503 Busy", "Retry-After: 7", "Content-Length: 0")),)),
    Row("a status nobody knows", (299,), places=(up(answers("299 So So", "Content-Length: 0")),)),
    Row("a status of 999", (999,), places=(up(answers("999 Beyond", "Content-Length: 0")),)),
    Row("no reason phrase", (200,), places=(up(answers("200 ", "Content-Length: 0")),)),
    Row("no reason phrase and no space", (200,), places=(up(answers("200", "Content-Length: 0")),)),
    Row("a reason phrase of bytes", (200,), places=(up(answers("200 Tr\xe8s bien", "Content-Length: 0")),)),
    Row("field values of bytes", (200,), places=(up(answers("200 OK", "X: \xe4\xf6 \t\xfc", "Content-Length: 0")),)),
    Row("a length that begins with zeros", (200,), places=(up(answers("200 OK", "Content-Length: 002", body=b"ok")),)),
    Row("a length of zeros", (200,), places=(up(answers("200 OK", "Content-Length: 00")),)),
    Row("HEAD with the length of a body", (200,), ask("HEAD"), (up(answers("200 OK", "Content-Length: 1000")),)),
    Row("HEAD with chunked", (200,), ask("HEAD"), (up(answers("200 OK", "Transfer-Encoding: chunked")),)),
    Row("HEAD without framing", (200,), ask("HEAD"), (up(answers("200 OK")),)),
    Row("chunks", (200,), places=(up(behaviours.chunked(100_000)),), connections=1),
    Row("chunks with trailers", (200,), places=(up(behaviours.chunked(5, ("X-Sum", "1"), ("X-Other", "2"))),)),
    Row(
        "chunks with extensions",
        (200,),
        places=(up(says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0;c\r\n\r\n")),),
    ),
    Row("a long body with a length", (200,), places=(up(behaviours.download(500_000)),)),
    Row("a body that ends with its connection", (200,), places=(up(behaviours.until_close(50_000)),)),
    Row(
        "a body without framing that ends with its connection",
        (200,),
        places=(up(answers("200 OK", body=b"to the end", then=Then.CLOSE)),),
    ),
    Row("HTTP/1.0", (200,), places=(up(says(b"HTTP/1.0 200 OK\r\n\r\nto the end", Then.CLOSE)),)),
    Row(
        "HTTP/1.0 with a length",
        (200,),
        places=(up(says(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", Then.CLOSE)),),
    ),
    Row(
        "HTTP/1.0 with keep-alive",
        (200, 200),
        (*ask(), *ask()),
        (up(says(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok")),),
    ),
    Row(
        "both length and chunked",
        (200,),
        places=(
            up(
                says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            ),
        ),
    ),
    Row("103, then 200", (200,), places=(up(behaviours.interim(103)),), allowed=("interim",)),
    Row("100, then 200", (200,), places=(up(behaviours.interim(100)),), allowed=("interim",)),
    Row("102 and two 103, then 200", (200,), places=(up(behaviours.interim(102, 103, 103)),), allowed=("interim",)),
    Row("103 to HTTP/1.0", (200,), raw(head(version="HTTP/1.0")), (up(behaviours.interim(103)),)),
    Row(
        "fields of the hop and those that Connection names",
        (200,),
        places=(
            up(
                answers(
                    "200 OK",
                    "Connection: X-Secret, keep-alive",
                    "X-Secret: 1",
                    "Keep-Alive: timeout=5",
                    "Proxy-Authenticate: Basic",
                    "Proxy-Status: x",
                    "Upgrade: h2c",
                    "TE: x",
                    "Trailer: X",
                    "Alt-Svc: h3",
                    "X-Mesh-Route: forged",
                    "X-Request-ID: forged",
                    "X-Kept: 1",
                    "Content-Length: 0",
                )
            ),
        ),
    ),
    Row(
        "Connection: close",
        (200, 200),
        (*ask(), *ask()),
        (up(answers("200 OK", "Connection: close", "Content-Length: 2", body=b"ok", then=Then.CLOSE)),),
        connections=2,
    ),
    Row(
        "compressed bytes stay as they are",
        (200,),
        ask("GET", "/", "Accept-Encoding: gzip"),
        (up(answers("200 OK", "Content-Encoding: gzip", "Content-Length: 4", body=b"\x1f\x8b\x00\xff")),),
    ),
    Row(
        "an upgrade nobody asked for",
        (502,),
        places=(up(answers("101 Switching Protocols", "Connection: Upgrade", "Upgrade: x")),),
    ),
)
