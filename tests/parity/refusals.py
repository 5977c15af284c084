"""Rows: which answers does the gateway give itself? Hosts, own paths, limits, deadlines, bad input. HTTP/1."""

from collections.abc import Mapping

from tests.parity.row import House, Row
from tests.parity.script import Answers, Arrived, Send, Silence, ask, head, raw
from tests.parity.upstreams import is_silent, stalls, up
from tests.rig.api import BROKEN, GARBAGE, UNKNOWN, known

BROWSER = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
NOBODY = "nobody.example.com"


def bad(*lines: bytes, body: bytes = b"", first: bytes = b"POST / HTTP/1.1") -> bytes:
    """A request with these lines as they are, and a second one behind it."""
    return b"\r\n".join([first, b"Host: {host}", *lines, b"", body]) + head(target="/hidden")


BAD: Mapping[str, bytes] = {
    "length and chunked": bad(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "two lengths": bad(b"Content-Length: 1", b"Content-Length: 1", body=b"x"),
    "a length with a sign": bad(b"Content-Length: +1", body=b"x"),
    "a coding other than chunked": bad(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "chunked in HTTP/1.0": bad(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n", first=b"POST / HTTP/1.0"),
    "a bare CR in a value": bad(b"X: a\rb"),
    "a bare LF in a value": bad(b"X: a\nb"),
    "bare LF line ends": b"GET / HTTP/1.1\nHost: {host}\n\n",
    "NUL in a value": bad(b"X: a\x00b"),
    "a folded line": bad(b"X: a", b" b"),
    "a space before the colon": bad(b"X : a"),
    "a line without a colon": bad(b"nonsense"),
    "no Host": b"GET / HTTP/1.1\r\nX: 1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n",
    "absolute-form for another": b"GET http://bob.example.com/ HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a user in Host": b"GET / HTTP/1.1\r\nHost: a@{host}\r\n\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a star for GET": b"GET * HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a method in small letters": b"get / HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "HTTP/2.0 in a request line": b"GET / HTTP/2.0\r\nHost: {host}\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"GET /\r\nHost: {host}\r\n\r\n",
    "bytes of no protocol": b"\x00\xff\xfe\r\n\r\n",
    "a bad request of a browser": b"GET / HTTP/1.1\r\n" + BROWSER.encode() + b"\r\nX : 1\r\nHost: {host}\r\n\r\n",
}
CHUNKED = "Transfer-Encoding: chunked"
BAD_BODIES: Mapping[str, bytes] = {
    "a bad chunk size": b"3\r\nabc\r\nzz\r\n",
    "a first chunk that is bad": b"-1\r\n",
    "a chunk longer than its size": b"3\r\nabcd\r\n0\r\n\r\n",
    "a bare LF behind a chunk size": b"3\nabc\r\n0\r\n\r\n",
    "an endless chunk extension": b"3;" + b"a" * 100_000,
    "a bad trailer": b"0\r\nX : 1\r\n\r\n",
}

ROWS = (
    *(Row(f"bad input: {name}", (400,), raw(data)) for name, data in BAD.items()),
    *(
        Row(f"bad input: {name}", (400,), (Send(head("POST", "/", CHUNKED)), Arrived(1), *raw(data, "POST")))
        for name, data in BAD_BODIES.items()
    ),
    Row("TLS on the http port", (), (Send(b"\x16\x03\x01\x00\x05hello"), Silence())),
    # Hosts.
    Row("an unknown host", (404,), ask(host=NOBODY)),
    Row("an unknown host to a browser", (404,), ask("GET", "/", BROWSER, host=NOBODY)),
    Row("an unknown host to HEAD", (404,), ask("HEAD", host=NOBODY)),
    Row("an unknown host for a small upload", (404, 200), (*ask("POST", body=b"x" * 100, host=NOBODY), *ask())),
    Row(
        "an unknown host for a large upload",
        (404,),
        raw(head("POST", "/", "Content-Length: 10000000", host=NOBODY) + b"x" * 1000, "POST"),
    ),
    Row(
        "an unknown host for small chunks",
        (404,),
        raw(head("POST", "/", CHUNKED, host=NOBODY) + b"3\r\nabc\r\n0\r\n\r\n", "POST"),
    ),
    Row(
        "an unknown host for an upload that waits for 100",
        (404,),
        raw(head("POST", "/", "Content-Length: 3", "Expect: 100-continue", host=NOBODY), "POST"),
    ),
    Row("an unknown host and HTTP/1.0", (404,), raw(head(host=NOBODY, version="HTTP/1.0"))),
    Row("an unknown host and Connection: close", (404,), ask("GET", "/", "Connection: close", host=NOBODY)),
    Row("a foreign host", (404,), ask(host="evil.org")),
    Row("an address for a host", (404,), ask(host="127.0.0.1:80")),
    Row("the apex", (404,), ask(host="example.com")),
    Row("a reserved name", (404,), ask(host="www.example.com")),
    Row("a malformed host", (400, 200), (*ask(host="al_ice.example.com"), *ask())),
    Row("an empty host", (400,), ask(host="")),
    Row("capitals, a port and a dot behind the host", (200,), ask(host="{host}.:8443")),
    Row("an app of a tenant", (200,), ask(host="shop-{host}")),
    Row("an app of a tenant as a label of its own", (200,), ask(host="shop.{host}")),
    Row("an offline tenant", (404,), said=known([], ttl=-2)),
    Row("an offline tenant to a browser", (404,), ask("GET", "/", BROWSER), said=known([], ttl=-2)),
    Row("a tenant that the API does not know", (404, 404), (*ask(), *ask()), said=UNKNOWN),
    Row("an API that fails", (502,), said=BROKEN, house=House.HASTY, allowed=("retries",)),
    Row("an API that talks nonsense", (502,), said=GARBAGE, house=House.HASTY, allowed=("retries",)),
    Row("a name under another certificate", (421,), ask(host="a.b.{host}"), tls=True),
    Row("a foreign name over TLS", (421,), ask(host="evil.org"), tls=True),
    # Own paths.
    Row("health", (200,), ask(target="/_health")),
    Row("health of any host", (200,), ask(target="/_health?x", host="evil.org")),
    Row("health to HEAD", (200,), ask("HEAD", "/_health")),
    Row("health to POST is the tenant's", (200,), ask("POST", "/_health", body=b"")),
    Row("health over TLS", (200,), ask(target="/_health"), tls=True),
    Row("readiness is the tenant's on a public port", (200,), ask(target="/_ready")),
    Row("metrics through a local edge are the tenant's", (200,), ask("GET", "/_metrics", "Via: 1.1 edge")),
    Row("a path of the gateway with more behind it", (200,), ask(target="/_health/x")),
    # Methods and limits.
    Row("TRACE", (405,), ask("TRACE")),
    Row("CONNECT", (405,), raw(b"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n", "POST")),
    Row("a target too long", (414,), ask(target="/" + "t" * 100), house=House.STRICT),
    Row("a target as long as allowed", (200,), ask(target="/" + "t" * 99), house=House.STRICT),
    Row("a head too large", (431,), ask("GET", "/", "X: " + "x" * 3000), house=House.STRICT),
    Row("a head too large of a browser", (431,), ask("GET", "/", BROWSER, "X: " + "x" * 3000), house=House.STRICT),
    Row("too many fields", (431,), ask("GET", "/", *(f"X-{number}: 1" for number in range(30))), house=House.STRICT),
    Row(
        "a body too large by its length",
        (413,),
        raw(head("POST", "/", "Content-Length: 100001"), "POST"),
        house=House.STRICT,
    ),
    Row("a body as large as allowed", (200,), ask("POST", body=b"x" * 100_000), house=House.STRICT),
    Row(
        "chunks that grow too large",
        (413,),
        (
            Send(head("POST", "/", CHUNKED) + b"3\r\nabc\r\n"),
            Arrived(1),
            Send(b"%x\r\n" % 200_000 + b"x" * 200_000 + b"\r\n"),
            Answers(("POST",)),
        ),
        house=House.STRICT,
    ),
    Row("too many requests", (404,) * 10 + (429,), raw(head(host="evil.org") * 11, *("GET",) * 11), house=House.RATED),
    # Deadlines.
    Row("a head that never ends", (408,), raw(head()[:20]), house=House.HASTY),
    Row("no head at all", (), (Silence(),), house=House.HASTY),
    Row("no second request", (200,), (*ask(), Silence()), house=House.HASTY),
    Row(
        "an upload that stalls", (408,), raw(head("POST", "/", "Content-Length: 9") + b"abc", "POST"), house=House.HASTY
    ),
    Row("an upstream that never answers", (504,), places=(up(is_silent),), house=House.HASTY),
    Row("an upstream that stalls in its answer", (200,), places=(up(stalls),), house=House.HASTY),
)
