"""Rows: which fields do upstream and client get? HTTP/1."""

import hashlib

from tests.parity.row import House, Row
from tests.parity.script import ask, raw
from tests.parity.upstreams import Flaw, up

NODE, DOMAIN = "parity", "example.com"
LOOP_TOKEN = hashlib.sha256(f"{NODE} {DOMAIN}".encode()).hexdigest()[:16]
"""What the gateways call themselves in CDN-Loop."""
SPOOFED = (
    "X-Real-IP: 6.6.6.6",
    "X-Forwarded-For: 6.6.6.6, 7.7.7.7",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.org",
    "X-Forwarded-Port: 666",
    "X-Forwarded-Anything: 1",
    "X-Request-ID: told-by-the-client",
    "Forwarded: for=6.6.6.6",
    "CF-Connecting-IP: 6.6.6.6",
)
TUNNEL = up(source="tunnel")

ROWS = (
    Row(
        "names and values stay as they are",
        (200,),
        ask(
            "GET",
            "/",
            "x-LOWER-Upper: a  b\t c",
            "Empty:",
            "Accept:*/*",
            "X: 1",
            "X: 2",
            "x: 3",
            "Cookie: a=1; b=2",
            "Cookie: c=3",
        ),
    ),
    Row("bytes beyond ASCII in a value", (200,), ask("GET", "/", "X: \xe4\xf6\xfc \xff")),
    Row("claims of a stranger", (200,), ask("GET", "/", *SPOOFED)),
    Row("claims of a trusted peer", (200,), ask("GET", "/", *SPOOFED), house=House.TRUSTING),
    Row(
        "claims of a trusted peer that are no addresses",
        (200,),
        ask(
            "GET",
            "/",
            "X-Forwarded-For: unknown, 6.6.6.6, :::",
            "X-Forwarded-Proto: gopher",
            "X-Forwarded-Port: 99999",
            "X-Request-ID: a b",
        ),
        house=House.TRUSTING,
    ),
    Row(
        "a chain of trusted peers",
        (200,),
        ask("GET", "/", "X-Forwarded-For: 1.1.1.1, 127.0.0.2", "X-Forwarded-Proto: https, http"),
        house=House.TRUSTING,
    ),
    Row(
        "fields that Connection names",
        (200,),
        ask("GET", "/", "Connection: X-A, x-real-ip, Keep-Alive", "X-A: 1", "X-B: 2", "Keep-Alive: timeout=5"),
    ),
    Row(
        "fields of the hop",
        (200,),
        ask(
            "GET",
            "/",
            "Keep-Alive: 1",
            "TE: trailers, deflate",
            "Proxy-Connection: keep-alive",
            "Proxy-Authorization: x",
            "Trailer: X",
            "Upgrade: foo",
            "Connection: Upgrade, TE",
        ),
    ),
    Row("TE without trailers", (200,), ask("GET", "/", "TE: gzip", "Connection: TE")),
    Row(
        "names with underscores",
        (200,),
        ask("GET", "/", "X_Forwarded_For: 6.6.6.6", "Content_Length: 5", "x_y: 1", "X-Y: 2"),
    ),
    Row(
        "control fields go no further",
        (200,),
        ask(
            "GET",
            "/",
            "X-Mesh-Trace: 1",
            "X-Mesh-Force: tunnel",
            "X-Mesh-Route-Host: bob.example.com",
            "X-Mesh-WebSocket: 1",
            "X-Mesh-Else: 1",
        ),
        (up(), TUNNEL),
    ),
    Row(
        "a trusted peer forces the tunnel",
        (200,),
        ask("GET", "/", "X-Mesh-Force: tunnel", "X-Mesh-Trace: 1"),
        (up(), TUNNEL),
        House.TRUSTING,
    ),
    Row(
        "a trusted peer forces the direct way",
        (200,),
        ask("GET", "/", "X-Mesh-Force: DIRECT", "X-Mesh-Trace: 1"),
        (TUNNEL, up()),
        House.TRUSTING,
    ),
    Row(
        "a trusted peer forces nonsense",
        (200,),
        ask("GET", "/", "X-Mesh-Force: sideways", "X-Mesh-Trace: 1"),
        (up(), TUNNEL),
        House.TRUSTING,
    ),
    Row(
        "a trusted peer names the host",
        (200,),
        ask("GET", "/", "X-Mesh-Route-Host: shop-{host}:8443", host="edge.org"),
        house=House.TRUSTING,
    ),
    Row(
        "a trusted peer names a malformed host",
        (400,),
        ask("GET", "/", "X-Mesh-Route-Host: a..b", host="edge.org"),
        house=House.TRUSTING,
    ),
    Row("a stranger names the host", (404,), ask("GET", "/", "X-Mesh-Route-Host: {host}", host="edge.org")),
    Row("a trace of a failure", (504,), ask("GET", "/", "X-Mesh-Trace: 1"), (Flaw.REFUSES,)),
    Row("a trace of a host nobody knows", (404,), ask("GET", "/", "X-Mesh-Trace: 1", host="nobody.example.com")),
    Row(
        "an apex with a default backend",
        (200,),
        ask(target="/landing?x", host="example.com"),
        house=House.TRUSTING,
        shuffled=True,
    ),
    Row(
        "a foreign host with a default backend",
        (200,),
        ask("POST", "/", "X-Mesh-Trace: 1", body=b"abc", host="evil.org"),
        house=House.TRUSTING,
        shuffled=True,
    ),
    Row("a loop", (508,), ask("GET", "/", f"CDN-Loop: other, mesh-router-gateway; node={LOOP_TOKEN}")),
    Row("a loop at an own path", (508,), ask("GET", "/_health", f"CDN-Loop: mesh-router-gateway; node={LOOP_TOKEN}")),
    Row(
        "a visit to another node",
        (200,),
        ask("GET", "/", "CDN-Loop: mesh-router-gateway; node=other", "CDN-Loop: cdn; a=b"),
    ),
    Row(
        "too many visits",
        (508,),
        ask("GET", "/", *(f"CDN-Loop: mesh-router-gateway; node=n{number}" for number in range(6))),
    ),
    Row("a port in Host", (200,), ask(host="{host}:8443")),
    Row("Host behind other fields", (200,), raw(b"GET / HTTP/1.1\r\nX-A: 1\r\nhOST: {host}\r\nX-B: 2\r\n\r\n")),
    Row(
        "traceparent",
        (200,),
        ask("GET", "/", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate: a=b"),
    ),
    Row(
        "h2c is not carried",
        (200,),
        ask("GET", "/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
    ),
    Row("h2c in capitals with an upload", (200,), ask("POST", "/", "Connection: upgrade", "Upgrade: H2C", body=b"abc")),
)
