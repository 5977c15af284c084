"""Rows: which answers does the gateway give itself over HTTP/2, and when does it end the connection?"""

from tests.parity.fields import LOOP_TOKEN
from tests.parity.http2 import AUTHORITY, BIG, METHOD, PATH, PSEUDO, SCHEME
from tests.parity.refusals import NOBODY
from tests.parity.row import House, Row
from tests.parity.script import Ask, Http2Script, streams

FORGOTTEN = (
    "h2 raises at the flaw, and mitmproxy with it forgets the head that came in the same read: on the flow path there was "
    "no request. The fast path has begun it by then"
)


def bad(*fields: tuple[str, str]) -> Http2Script:
    """A head that is wrong, and a good stream behind it."""
    return streams(Ask(head=fields), Ask(path="/next"))


ROWS = (
    Row("another host than :authority", (), streams(Ask(fields=(("host", "bob.example.com"),)))),
    Row("neither host nor :authority", (), streams(Ask(head=(METHOD, SCHEME, PATH)))),
    Row(
        "a name under another certificate",
        (421,),
        streams(Ask(head=(METHOD, SCHEME, PATH, (":authority", "a.b.{host}")))),
    ),
    Row("a foreign name", (421,), streams(Ask(head=(METHOD, SCHEME, PATH, (":authority", "evil.org"))))),
    Row("an unknown host", (404, 200), streams(Ask(head=(METHOD, SCHEME, PATH, (":authority", NOBODY))), Ask())),
    Row(
        "an unknown host to a browser",
        (404,),
        streams(Ask(head=(*PSEUDO[:3], (":authority", NOBODY), ("accept", "text/html")))),
    ),
    Row(
        "an unknown host for a large upload",
        (404, 200),
        streams(Ask(head=((":method", "POST"), SCHEME, PATH, (":authority", NOBODY)), body=BIG), Ask()),
    ),
    Row("health", (200,), streams(Ask(path="/_health"))),
    Row("TRACE", (405,), streams(Ask("TRACE"))),
    Row("CONNECT", (), streams(Ask(head=((":method", "CONNECT"), (":authority", "{host}:443"))))),
    Row("a loop", (508,), streams(Ask(fields=(("cdn-loop", "mesh-router-gateway; node=" + LOOP_TOKEN),)))),
    Row("a head too large", (431,), streams(Ask(fields=(("x", "x" * 3000),))), house=House.STRICT),
    Row(
        "too many fields",
        (431,),
        streams(Ask(fields=tuple((f"x-{number}", "1") for number in range(30)))),
        house=House.STRICT,
    ),
    Row("a target too long", (414,), streams(Ask(path="/" + "t" * 100)), house=House.STRICT),
    Row(
        "a body too large by its length",
        (413,),
        streams(Ask("POST", fields=(("content-length", "300000"),), body=BIG)),
        house=House.STRICT,
    ),
    Row("a body that grows too large", (413,), streams(Ask("POST", body=BIG)), house=House.STRICT),
    Row("te other than trailers", (), streams(Ask(fields=(("te", "gzip"),)))),
    Row("a space in the path", (400,), streams(Ask(path="/a b"))),
    Row("a path without a slash", (400,), streams(Ask(path="x"))),
    Row("an absolute path", (400,), streams(Ask(path="http://evil.org/"))),
    Row("a space in the method", (400,), streams(Ask("GET /x")), allowed=("method",)),
    Row("a user in :authority", (400,), streams(Ask(head=(METHOD, SCHEME, PATH, (":authority", "a@{host}"))))),
    Row("a scheme nobody knows", (400,), streams(Ask(head=(METHOD, (":scheme", "ftp"), PATH, AUTHORITY)))),
    Row(
        "a body longer than its length",
        (),
        streams(Ask("POST", fields=(("content-length", "2"),), body=b"abc")),
        apart=FORGOTTEN,
    ),
    Row("a length but no body", (400,), streams(Ask("POST", fields=(("content-length", "2"),)))),
    Row("transfer-encoding", (), bad(*PSEUDO, ("transfer-encoding", "chunked"))),
    Row("connection", (), bad(*PSEUDO, ("connection", "close"))),
    Row("upgrade", (), bad(*PSEUDO, ("upgrade", "websocket"))),
    Row("a line break in a value", (), bad(*PSEUDO, ("x", "a\r\nb"))),
    Row("NUL in a value", (), bad(*PSEUDO, ("x", "a\x00b"))),
    Row("an upper-case name", (), bad(*PSEUDO, ("X-Upper", "1"))),
    Row("a space around a value", (), bad(*PSEUDO, ("x", " a "))),
    Row("a pseudo field after others", (), bad(("x", "1"), *PSEUDO)),
    Row("an unknown pseudo field", (), bad(*PSEUDO, (":x", "1"))),
    Row("no path", (), bad(METHOD, SCHEME, AUTHORITY)),
    Row("no method", (), bad(SCHEME, PATH, AUTHORITY)),
    Row("two paths", (), bad(METHOD, SCHEME, PATH, PATH, AUTHORITY)),
)
