"""Rows: which route is taken, and what does a failing one cost? HTTP/1."""

from tests.parity.row import House, Row
from tests.parity.script import Answers, Send, Wake, ask, head, raw
from tests.parity.upstreams import Flaw, Tls, Up, hello, takes_and_resets, up
from tests.rig.payload import blocks

TRACE = "X-Mesh-Trace: 1"
TUNNEL = up(source="tunnel")
WORDING = ("wording",)
UPLOAD = b"".join(blocks(200_000))

ROWS = (
    Row("the first route refuses", (200,), ask("GET", "/", TRACE), (Flaw.REFUSES, TUNNEL)),
    Row(
        "the first route is silent", (200,), ask("GET", "/", TRACE), (Flaw.SILENT, TUNNEL), House.HASTY, allowed=WORDING
    ),
    Row(
        "the first route has another name's certificate",
        (200,),
        ask("GET", "/", TRACE),
        (up(tls=Tls.OTHER_NAME), TUNNEL),
        allowed=WORDING,
    ),
    Row(
        "the first route has nobody's certificate",
        (200,),
        ask("GET", "/", TRACE),
        (up(tls=Tls.UNTRUSTED), TUNNEL),
        allowed=WORDING,
    ),
    Row("an upload goes to the second route", (200,), ask("PUT", "/", TRACE, body=UPLOAD), (Flaw.REFUSES, TUNNEL)),
    Row("a POST goes to the second route", (200,), ask("POST", "/", TRACE, body=b"abc"), (Flaw.REFUSES, TUNNEL)),
    Row(
        "chunks go to the second route",
        (200,),
        raw(head("POST", "/", TRACE, "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n", "POST"),
        (Flaw.REFUSES, TUNNEL),
    ),
    Row(
        "Expect goes to the second route",
        (200,),
        (Send(head("PUT", "/", "Content-Length: 3", "Expect: 100-continue") + b"abc"), Answers(("PUT",))),
        (Flaw.REFUSES, TUNNEL),
        allowed=("continue",),
    ),
    Row("two routes fail and the third serves", (200,), ask("GET", "/", TRACE), (Flaw.REFUSES, Flaw.REFUSES, TUNNEL)),
    Row(
        "a failed route steps back",
        (200, 200),
        (*ask("GET", "/1", TRACE), *ask("GET", "/2", TRACE)),
        (Flaw.REFUSES, TUNNEL),
    ),
    Row("all routes refuse", (504, 504), (*ask("GET", "/", TRACE), *ask("HEAD")), (Flaw.REFUSES, Flaw.REFUSES)),
    Row("all routes refuse an upload", (504,), ask("PUT", "/", body=b"abc"), (Flaw.REFUSES,)),
    Row("the only route is silent", (504,), places=(Flaw.SILENT,), house=House.HASTY, allowed=WORDING),
    Row("the only route has another name's certificate", (502,), places=(up(tls=Tls.OTHER_NAME),), allowed=WORDING),
    Row(
        "the only route has nobody's certificate",
        (502,),
        ask("GET", "/", TRACE),
        (up(tls=Tls.UNTRUSTED),),
        allowed=WORDING,
    ),
    Row(
        "one refuses, one has nobody's certificate",
        (504,),
        places=(Flaw.REFUSES, up(tls=Tls.UNTRUSTED)),
        allowed=WORDING,
    ),
    Row("an upstream with TLS", (200, 200), (*ask(target="/1"), *ask(target="/2")), (up(tls=Tls.GOOD),), connections=1),
    Row("an upload to an upstream with TLS", (200,), ask("POST", body=UPLOAD), (up(tls=Tls.GOOD),)),
    Row("an app at an upstream with TLS for all names", (200,), ask(host="shop-{host}"), (up(tls=Tls.WILDCARD),)),
    Row(
        "an app at an upstream with TLS for its tenant alone",
        (502,),
        ask(host="shop-{host}"),
        (up(tls=Tls.GOOD),),
        allowed=WORDING,
    ),
    Row(
        "an upstream that resets, and a second route",
        (502,),
        ask("POST", body=b"abc"),
        (up(takes_and_resets), TUNNEL),
        allowed=WORDING,
    ),
    Row(
        "an upstream that resets a GET, and a second route",
        (200,),
        ask(),
        (up(takes_and_resets), TUNNEL),
        allowed=WORDING,
    ),
    Row("a route of a source nobody knows", (200,), ask("GET", "/", TRACE), (up(source="moon"),)),
    Row("a route that leads back here", (508,), ask(), (Flaw.LOOP,), allowed=WORDING),
    Row(
        "a route that leads back here, and a second one",
        (200,),
        ask("GET", "/", TRACE),
        (Flaw.LOOP, TUNNEL),
        allowed=WORDING,
    ),
    Row(
        "health of the first upstream is learned from an answer",
        (200, 200),
        (*ask("GET", "/1", TRACE), *ask("GET", "/2", TRACE)),
        (up(hello), TUNNEL),
    ),
    Row(
        "no route alive, and then one on the same connection",
        (504, 200),
        (*ask(target="/1"), Wake(), *ask(target="/2")),
        (Up(sleeps=True),),
    ),
    Row("no routes that can be used", (404,), places=()),
)
