"""Is this an HTTP/1 request head, and what does it say?"""

import re

from mesh_gateway.routing.fields import Field, group
from mesh_gateway.routing.framing import http1_body
from mesh_gateway.routing.head_rules import (
    METHOD,
    TARGET,
    VALUE,
    authority_text,
    check_field_count,
    check_fields,
    check_method,
    check_target_size,
    single_host,
    too_large,
)
from mesh_gateway.routing.rejection import HeadError, Rejection, malformed
from mesh_gateway.routing.request import HeadLimits, RequestHead, Version
from mesh_gateway.routing.target import Target, agree, read_target

_REQUEST_LINE = re.compile(f"({METHOD}) ({TARGET}) (HTTP/1[.][01])".encode())
_FIELD_LINE = re.compile(rb"([!#$%%&'*+.^_`|~0-9A-Za-z-]+):(%s)" % VALUE)


def parse_http1(raw: bytes, limits: HeadLimits) -> RequestHead | Rejection:
    """The head in `raw`, which reaches up to and including the empty line; one CRLF before it is forgiven (RFC 9112 2.2).

    A head that outgrew the limits may be given as far as it was read: the rejection tells what was too large in it.
    """
    try:
        return _read(raw.removeprefix(b"\r\n"), limits)
    except HeadError as error:
        return error.rejection


def _read(head: bytes, limits: HeadLimits) -> RequestHead:
    _check_size(head, limits)
    if not head.endswith(b"\r\n\r\n"):
        raise malformed("head does not end in an empty line")
    request_line, *field_lines = head[:-4].split(b"\r\n")
    method, target, version = _request_line(request_line, limits)
    check_field_count(len(field_lines), limits)
    fields = tuple(_field(line) for line in field_lines)
    by_name = group(fields)
    check_fields(by_name)
    authority = _authority(target, single_host(by_name), version)
    body = http1_body(by_name, chunked_allowed=version is not Version.HTTP_1_0)
    return RequestHead(method, target.path, authority, version, fields, body)


def _check_size(head: bytes, limits: HeadLimits) -> None:
    if len(head) <= limits.size:
        return
    request_line = head[: limits.size].partition(b"\r\n")[0]
    _, _, target = request_line.partition(b" ")
    check_target_size(len(target.partition(b" ")[0]), limits)
    raise too_large(f"head of more than {limits.size} bytes")


def _request_line(line: bytes, limits: HeadLimits) -> tuple[str, Target, Version]:
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise malformed("request line is not METHOD TARGET HTTP/1.0 or HTTP/1.1", line)
    method, target, version = match.group().decode("ascii").split(" ")
    check_method(method)
    check_target_size(len(target), limits)
    return method, read_target(method, target), Version(version)


def _field(line: bytes) -> Field:
    """One field; a folded line, a space before the colon and a bare CR or LF all fail here (RFC 9112 5)."""
    match = _FIELD_LINE.fullmatch(line)
    if match is None:
        raise malformed("header line is not NAME: VALUE", line)
    name, value = match.groups()
    return name, value.strip(b" \t")


def _authority(target: Target, host: str | None, version: Version) -> str:
    """Whom the request is for. A target that says so itself must not be contradicted by `Host`."""
    if host is None and version is Version.HTTP_1_1:
        raise malformed("no host field")
    if target.authority is None:
        return host or ""
    authority = authority_text(target.authority.encode())
    if host is not None and not agree(authority, host, target.scheme):
        raise malformed("target and host field name different authorities")
    return authority
