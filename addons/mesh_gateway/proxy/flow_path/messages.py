"""What do requests and answers look like when they leave the gateway? Pure functions over mitmproxy's messages."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mitmproxy import http
from mitmproxy.net.http import http1

from mesh_gateway.pipeline import Visit
from mesh_gateway.proxy.flow_path.assembly import make_headers, make_request, make_response
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
CHUNKED: Field = (b"Transfer-Encoding", b"chunked")
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
    return make_request(
        method=head.method.encode(),
        path=head.target.encode(),
        version=head.version.encode(),
        headers=make_headers(tuple(head.fields)),
    )


def http2_request(pseudo: Mapping[bytes, bytes], headers: http.Headers) -> http.Request:
    """The same of HTTP/2's pseudo fields; raises KeyError where one is missing (RFC 9113 8.3.1)."""
    if unknown := pseudo.keys() - PSEUDO_FIELDS:
        raise ValueError(f"unknown pseudo fields {sorted(unknown)}")
    return make_request(
        method=pseudo[b":method"],
        path=pseudo[b":path"],
        version=b"HTTP/2.0",
        headers=headers,
        scheme=pseudo[b":scheme"],
        authority=pseudo.get(b":authority", b""),
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
    if http2:
        fields = tuple(field for field in _lowered(fields) if field[0] != b"host")
    elif not end_stream and not _has(fields, b"content-length"):
        # HTTP/2 bodies need no length, HTTP/1 bodies do or they become the next request (HAZARDS B1).
        fields = (*fields, CHUNKED)
    return make_request(
        method=request.data.method,
        path=request.data.path,
        version=b"HTTP/2.0" if http2 else b"HTTP/1.1",
        headers=make_headers(fields),
        scheme=visit.scheme.encode() if http2 else request.data.scheme,
        authority=visit.host.encode() if http2 else b"",
        host=request.data.host,
        port=request.data.port,
    )


def fields_of(response: http.Response, read: FieldSection | None) -> tuple[Field, ...]:
    """The fields of the answer: those that were read, of which more is known, unless somebody has edited them."""
    fields = response.headers.fields
    return read if read is not None and read == fields else fields


def outgoing_answer(
    response: http.Response,
    fields: tuple[Field, ...],
    *,
    client_version: str,
    method: str,
    request_id: str,
    mesh_route: str | None,
    close: bool,
) -> http.Response:
    """The copy for the client: of the answer's `fields` those that go on, framed for the protocol that it speaks."""
    status, version = response.status_code, b"HTTP/1.1"
    is_upgrade = status == SWITCHING_PROTOCOLS
    fields = answer_fields(fields, request_id=request_id, mesh_route=mesh_route, upgrade=is_upgrade)
    if status == NO_CONTENT:  # RFC 9110 8.6: none may have one
        fields = tuple(field for field in fields if field[0].lower() != b"content-length")
    if client_version.startswith("HTTP/2"):
        version, fields = b"HTTP/2.0", _lowered(fields)
    elif not is_upgrade:
        has_body = method != "HEAD" and status not in BODYLESS_STATUSES
        fields = (*fields, *_http1_framing(fields, client_version, close=close, has_body=has_body))
    return make_response(version=version, status=status, reason=response.data.reason, headers=make_headers(fields))


def _http1_framing(fields: tuple[Field, ...], client_version: str, *, close: bool, has_body: bool) -> tuple[Field, ...]:
    """RFC 9112 6.3: a length that is known, else chunks, else the connection's end for HTTP/1.0."""
    is_modern = client_version == "HTTP/1.1"
    is_open = has_body and not _has(fields, b"content-length")
    coding = (CHUNKED,) if is_open and is_modern else ()
    if close or (is_open and not is_modern):
        return (*coding, (b"Connection", b"close"))
    return (*coding, (b"Connection", b"keep-alive")) if client_version == "HTTP/1.0" else coding


def _has(fields: tuple[Field, ...], name: bytes) -> bool:
    return any(key.lower() == name for key, _ in fields)


def _lowered(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """Names as HTTP/2 wants them (RFC 9113 8.2.1)."""
    return tuple((name.lower(), value) for name, value in fields)


def answer_fault(response: http.Response, visit: Visit, *, is_read_strictly: bool = False) -> str | None:
    """Why an upstream's answer may not be passed on, or None."""
    if is_read_strictly:
        return _status_fault(response, visit)
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
