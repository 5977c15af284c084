"""Which exchanges are worth a recording? One for each rule of forwarding and each kind of answer.

Every case has a tenant of its own, named after it, so that what arrives at the tenant's origin is the case's alone.
"""

from dataclasses import dataclass
from enum import Enum, unique

from tests.rig.behaviours import status
from tests.rig.call import Behaviour, Call, chunk

DOMAIN = "example.com"
SERVED = status(200, ("Content-Type", "text/plain"), ("Server", "origin"), body=b"served\n")
TRACE = ("X-Mesh-Trace", "1")


@unique
class Home(Enum):
    """What the API says of the case's tenant."""

    ONE_ROUTE = "one route"
    DEAD_AGENT_THEN_TUNNEL = "an agent that refuses, then a tunnel"
    OFFLINE = "known, no routes"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Case:
    """One request, where its tenant lives, and how its origin answers."""

    name: str
    method: str = "GET"
    host: str = "{tenant}.example.com"
    target: str = "/"
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    pieces: int = 0
    """In how many chunks the body is sent; 0 for one with its length."""
    http2: bool = False
    home: Home = Home.ONE_ROUTE
    answer: Behaviour = SERVED

    @property
    def tenant(self) -> str:
        return self.name.replace("-", "")

    @property
    def authority(self) -> str:
        """The host that the request is for."""
        return self.host.format(tenant=self.tenant)


async def answer_fully(call: Call) -> None:
    """An answer with fields that the client gets, and with those that it must not get."""
    await call.drain()
    await call.head(
        200,
        ("Content-Type", "text/plain"),
        ("Set-Cookie", "a=1; Path=/"),
        ("Set-Cookie", "b=2; Path=/"),
        ("Location", "http://elsewhere.test/left-as-it-is"),
        ("Connection", "keep-alive, X-For-The-Gateway"),
        ("Keep-Alive", "timeout=5"),
        ("X-For-The-Gateway", "hop-by-hop"),
        ("Alt-Svc", 'h3=":443"'),
        ("X-Request-ID", "the-origins-own"),
        ("X-Mesh-Route", "forged"),
        ("Transfer-Encoding", "chunked"),
    )
    await call.send(chunk(b"in two "), chunk(b"chunks\n"), b"0\r\n\r\n")


CASES = (
    Case("get", fields=(("Accept", "*/*"), ("User-Agent", "case/1"), ("traceparent", f"00-{'1' * 32}-{'2' * 16}-01"))),
    Case("app-host-with-query", host="app-{tenant}.Example.com:8080", target="/search?q=a%20b&empty=&q=%2F"),
    Case("post", method="POST", target="/orders", fields=(("Content-Type", "application/json"),), body=b'{"n": 1}'),
    Case("chunked-upload", method="PUT", target="/file", body=b"one two three four", pieces=3),
    Case(
        "spoofed-fields",
        target="/admin",
        fields=(
            ("X-Real-IP", "6.6.6.6"),
            ("X-Forwarded-For", "6.6.6.6, 7.7.7.7"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "evil.test"),
            ("X-Forwarded-Port", "666"),
            ("X-Forwarded-Prefix", "/evil"),
            ("Forwarded", "for=6.6.6.6;host=evil.test"),
            ("X-Request-ID", "spoofed-request-id"),
            ("X-Mesh-Route-Host", "get.example.com"),
            ("X-Mesh-Force", "tunnel"),
            ("CDN-Loop", "another-cdn"),
        ),
    ),
    Case(
        "hop-by-hop-fields",
        fields=(
            ("Connection", "keep-alive, X-For-This-Hop, X-Real-IP"),
            ("Keep-Alive", "timeout=5"),
            ("X-For-This-Hop", "drop me"),
            ("TE", "gzip, trailers"),
            ("Upgrade", "h2c"),
            ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
            ("Proxy-Authorization", "Basic bm90OnNlY3JldA=="),
            ("X_Forwarded_For", "6.6.6.6"),
            ("X-Kept", "kept"),
        ),
    ),
    Case("unknown-tenant", fields=(("Accept", "application/json"),), home=Home.UNKNOWN),
    Case("offline-tenant", fields=(("Accept", "text/html"),), home=Home.OFFLINE),
    Case("malformed-host", host="a..example.com", home=Home.UNKNOWN),
    Case("apex", host=DOMAIN, home=Home.UNKNOWN),
    Case("failover", target="/first/dead", fields=(TRACE,), home=Home.DEAD_AGENT_THEN_TUNNEL),
    Case(
        "http2-cookie-crumbs",
        target="/cookies",
        fields=(("cookie", "a=1"), ("accept", "*/*"), ("cookie", "b=2"), ("cookie", "c=3")),
        http2=True,
    ),
    Case("answer-fields", fields=(TRACE,), answer=answer_fully),
)
