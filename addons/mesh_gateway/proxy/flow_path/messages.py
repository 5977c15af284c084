"""What do requests and answers look like when they leave the gateway? Pure functions over mitmproxy's messages."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

from mitmproxy import http
from mitmproxy.net.http import http1

from mesh_gateway.pipeline import Visit
from mesh_gateway.routing.fields import FieldSection
from mesh_gateway.routing.forwarding import answer_fields
from mesh_gateway.routing.head import (
    Field,
    HeadLimits,
    Rejection,
    RequestHead,
    check_http2,
    parse_http1,
)

SWITCHING_PROTOCOLS = 101
FINAL, LAST_STATUS = 200, 999  # RFC 9110 15: three digits, and below 200 an interim answer
NO_CONTENT = 204
BODYLESS_STATUSES = frozenset({NO_CONTENT, 304})  # RFC 9112 6.3: these and 1xx have none
MAX_ANSWER_FIELDS = 200
PSEUDO_FIELDS = frozenset({b":method", b":scheme", b":authority", b":path"})
AUTHORITY_LIKE = re.compile(r"(.*?)(?::(\d{1,5}))?")
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
LENGTH = re.compile(r"[0-9]{1,19}")
CONTROL_BYTE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
METHOD_LIKE = re.compile(rb"(?:\r\n)?([A-Z]{1,20}) ")
ACCEPT_LIKE = re.compile(rb"\naccept:[ \t]*([ -~]{0,1000})", re.IGNORECASE)


def read_head(request: http.Request, end_stream: bool, limits: HeadLimits) -> RequestHead | Rejection:
    """The head of a request that came as mitmproxy's: over HTTP/2, or from a recording."""
    if request.is_http2:
        return check_http2(
            method=request.data.method,
            scheme=request.data.scheme or b"https",
            authority=request.data.authority,
            path=request.data.path,
            fields=request.headers.fields,
            end_stream=end_stream,
            limits=limits,
        )
    recorded = request.copy()
    recorded.authority = ""
    return parse_http1(http1.assemble_request_head(recorded), limits)


def http1_request(head: RequestHead) -> http.Request:
    """The head as mitmproxy shows it; where it goes is set when a route is chosen."""
    return _request(
        method=head.method.encode(),
        path=head.target.encode(),
        version=head.version.encode(),
        headers=http.Headers(head.fields),
    )


def http2_request(pseudo: Mapping[bytes, bytes], headers: http.Headers) -> http.Request:
    """The same of HTTP/2's pseudo fields; raises KeyError where one is missing (RFC 9113 8.3.1)."""
    if unknown := pseudo.keys() - PSEUDO_FIELDS:
        raise ValueError(f"unknown pseudo fields {sorted(unknown)}")
    return _request(
        method=pseudo[b":method"],
        path=pseudo[b":path"],
        version=b"HTTP/2.0",
        headers=headers,
        scheme=pseudo[b":scheme"],
        authority=pseudo.get(b":authority", b""),
    )


def _request(
    *, method: bytes, path: bytes, version: bytes, headers: http.Headers, scheme: bytes = b"", authority: bytes = b""
) -> http.Request:
    return http.Request(
        host="",
        port=0,
        method=method,
        scheme=scheme,
        authority=authority,
        path=path,
        http_version=version,
        headers=headers,
        content=None,
        trailers=None,
        timestamp_start=time.time(),
        timestamp_end=None,
    )


def place(request: http.Request, scheme: str) -> None:
    """Where the request was meant to go, for those who look at it: a refused one gets no route that would say so."""
    authority = request.authority or request.headers.get("host", "")
    host, port = authority, "443" if scheme == "https" else "80"
    if found := AUTHORITY_LIKE.fullmatch(authority):
        host, port = found[1], found[2] or port
    request.data.scheme, request.data.host, request.data.port = scheme.encode(), host[:255], int(port)


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What can be made out of a head that is not carried: for its access line and its answer's form."""

    method: str = ""
    accept: bytes | None = None


def glimpse(raw: bytes) -> Glimpse:
    """A look at bytes that need not be a request at all."""
    method, accept = METHOD_LIKE.match(raw), ACCEPT_LIKE.search(raw)
    return Glimpse(method[1].decode() if method else "", accept[1] if accept else None)


def as_edited(visit: Visit, request: http.Request) -> Visit:
    """The visit with what somebody may have changed on the flow since its head was read."""
    if request.headers.fields == visit.head.fields and request.path == visit.head.target:
        return visit
    fields = FieldSection(request.headers.fields)
    return visit._replace(head=visit.head._replace(method=request.method, target=request.path, fields=fields))


def outgoing_request(
    request: http.Request, fields: tuple[Field, ...], visit: Visit, *, http2: bool, end_stream: bool
) -> http.Request:
    """The copy for the upstream: origin-form, the edited fields, framed for the protocol it speaks."""
    outgoing = request.copy()
    outgoing.content = None
    outgoing.headers = http.Headers(fields)
    if http2:
        outgoing.http_version = "HTTP/2.0"
        outgoing.authority = visit.host
        outgoing.scheme = visit.scheme
        outgoing.headers.pop("host", None)
        outgoing.headers = http.Headers([(name.lower(), value) for name, value in outgoing.headers.fields])
        return outgoing
    outgoing.http_version = "HTTP/1.1"
    outgoing.authority = ""
    if not end_stream and "content-length" not in outgoing.headers:
        # HTTP/2 bodies need no length, HTTP/1 bodies do or they become the next request (HAZARDS B1).
        outgoing.headers["Transfer-Encoding"] = "chunked"
    return outgoing


def outgoing_answer(
    response: http.Response,
    *,
    client_version: str,
    method: str,
    request_id: str,
    mesh_route: str | None,
    close: bool,
) -> http.Response:
    """The copy for the client: end-to-end fields, framed for the protocol it speaks."""
    is_upgrade = response.status_code == SWITCHING_PROTOCOLS
    outgoing = http.Response(
        http_version=b"HTTP/1.1",
        status_code=response.status_code,
        reason=response.data.reason,
        headers=http.Headers(
            answer_fields(response.headers.fields, request_id=request_id, mesh_route=mesh_route, upgrade=is_upgrade)
        ),
        content=None,
        trailers=None,
        timestamp_start=response.timestamp_start,
        timestamp_end=response.timestamp_end,
    )
    if outgoing.status_code == NO_CONTENT:  # RFC 9110 8.6: none may have one
        outgoing.headers.pop("content-length", None)
    if client_version.startswith("HTTP/2"):
        outgoing.http_version = "HTTP/2.0"
        outgoing.headers = http.Headers([(name.lower(), value) for name, value in outgoing.headers.fields])
    elif not is_upgrade:
        _frame_for_http1(outgoing, client_version, method, close)
    return outgoing


def _frame_for_http1(outgoing: http.Response, client_version: str, method: str, close: bool) -> None:
    """RFC 9112 6.3: a length that is known, else chunks, else the connection's end for HTTP/1.0."""
    has_body = method != "HEAD" and outgoing.status_code not in BODYLESS_STATUSES
    if has_body and "content-length" not in outgoing.headers:
        if client_version == "HTTP/1.1":
            outgoing.headers["Transfer-Encoding"] = "chunked"
        else:
            close = True
    if close:
        outgoing.headers["Connection"] = "close"
    elif client_version == "HTTP/1.0":
        outgoing.headers["Connection"] = "keep-alive"


def answer_fault(response: http.Response, visit: Visit) -> str | None:
    """Why an upstream's answer may not be passed on, or None."""
    return _status_fault(response, visit) or _length_fault(response.headers) or _field_fault(response.headers)


def _status_fault(response: http.Response, visit: Visit) -> str | None:
    if response.status_code == SWITCHING_PROTOCOLS:
        return None if visit.websocket else "an upgrade nobody asked for"
    if not FINAL <= response.status_code <= LAST_STATUS:
        # An interim answer in odd spelling, passed on as the final one, would leave the client waiting for another:
        # the next exchange's, whosever it is.
        return f"status {response.status_code}"
    return "control bytes in the reason phrase" if CONTROL_BYTE.search(response.data.reason) else None


def _length_fault(headers: http.Headers) -> str | None:
    lengths = headers.get_all("content-length")
    if "transfer-encoding" in headers or not lengths:
        return None
    return None if len(lengths) == 1 and LENGTH.fullmatch(lengths[0]) else f"content-length {str(lengths)[:80]}"


def _field_fault(headers: http.Headers) -> str | None:
    if len(headers.fields) > MAX_ANSWER_FIELDS:
        return "too many header fields"
    for name, value in headers.fields:
        if not TOKEN.fullmatch(name):
            return f"field name {name[:40]!r}"  # HTTP/2 clients end the whole connection for one (RFC 9113 8.2.1)
        if any(byte in value for byte in (b"\r", b"\n", b"\0")):
            return f"control bytes in field {name[:40]!r}"
    return None


def field(message: http.Message, name: bytes) -> bytes | None:
    """The first value of a field as it came, None where it is missing."""
    return next((value for key, value in message.headers.fields if key.lower() == name), None)


def values(message: http.Message, name: bytes) -> list[bytes]:
    """All values of a field as they came; `name` is in lower case."""
    return [value for key, value in message.headers.fields if key.lower() == name]


def body_length(message: http.Message) -> int | None:
    """The announced length of a body, None where none is announced."""
    text = message.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None


def is_long(request: http.Request, limit: int) -> bool:
    """Whether a body is too long to be read only to be thrown away, or may never come."""
    length = body_length(request)
    return length is None or length > limit or "expect" in request.headers
