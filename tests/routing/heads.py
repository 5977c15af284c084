"""Valid request heads for the tests of what comes after validation."""

from mesh_gateway.routing.client import Client
from mesh_gateway.routing.fields import Field
from mesh_gateway.routing.head import HeadLimits, RequestHead, check_http2, parse_http1

LIMITS = HeadLimits(size=4096, fields=20, target=1024)

STRANGER = Client("198.51.100.7", trusted=False, chain=())
EDGE = Client("198.51.100.7", trusted=True, chain=("198.51.100.7",), peer="10.0.0.1")


def http1(*lines: str, request_line: str = "GET / HTTP/1.1", host: str | None = "alice.nsl.sh") -> RequestHead:
    """The head of `request_line`, a host field and further `lines`."""
    hosts = [] if host is None else [f"Host: {host}"]
    raw = "".join(f"{line}\r\n" for line in (request_line, *hosts, *lines, ""))
    head = parse_http1(raw.encode("latin-1"), LIMITS)
    assert isinstance(head, RequestHead), head
    return head


def http2(*fields: Field, method: bytes = b"GET") -> RequestHead:
    head = check_http2(
        method=method,
        scheme=b"https",
        authority=b"alice.nsl.sh",
        path=b"/",
        fields=fields,
        end_stream=True,
        limits=LIMITS,
    )
    assert isinstance(head, RequestHead), head
    return head
