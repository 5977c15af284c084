"""Is this an HTTP/1 request head, and what does it say?"""

import re
from dataclasses import dataclass

from mesh_gateway.routing.fields import FieldSection
from mesh_gateway.routing.framing import Body, http1_body
from mesh_gateway.routing.head_rules import (
    METHOD,
    TARGET,
    authority_text,
    check_field_count,
    check_fields,
    check_method,
    check_target_size,
    single_host,
    too_large,
)
from mesh_gateway.routing.http1_section import read_section
from mesh_gateway.routing.recent import LONGEST_KEPT, Recent
from mesh_gateway.routing.rejection import HeadError, Rejection, malformed
from mesh_gateway.routing.request import HeadLimits, RequestHead, Version
from mesh_gateway.routing.target import Target, agree, read_target

_REQUEST_LINE = re.compile(f"({METHOD}) ({TARGET}) (HTTP/1[.][01])".encode())
_USUAL_LINE = re.compile(f"(?!CONNECT |TRACE )({METHOD}) (?=/)({TARGET}) HTTP/1[.]1".encode())


def parse_http1(raw: bytes, limits: HeadLimits) -> RequestHead | Rejection:
    """The head in `raw`, which reaches up to and including the empty line; one CRLF before it is forgiven (RFC 9112 2.2).

    A head that outgrew the limits may be given as far as it was read: the rejection tells what was too large in it.
    """
    try:
        return _read(raw.removeprefix(b"\r\n"), limits)
    except HeadError as error:
        return error.rejection


@dataclass(frozen=True, slots=True)
class _Section:
    """What the field section of a head says by itself, in HTTP/1.1."""

    fields: FieldSection
    host: str
    body: Body


class HeadReader:
    """`parse_http1` for one connection, whose field sections it remembers: most requests repeat the one before."""

    def __init__(self, limits: HeadLimits) -> None:
        self._limits = limits
        self._recent: Recent[bytes, _Section] = Recent()

    def read(self, raw: bytes) -> RequestHead | Rejection:
        """The head in `raw`, as `parse_http1` reads it."""
        line, _, section = raw.partition(b"\r\n")
        known = self._recent.get(section)
        if known and (repeated := self._repeated(line, known, len(raw))):
            return repeated
        head = parse_http1(raw, self._limits)
        if isinstance(head, RequestHead) and line and not known and len(section) <= LONGEST_KEPT:
            self._keep(section, head)
        return head

    def _repeated(self, line: bytes, section: _Section, size: int) -> RequestHead | None:
        """The head of a new request line over a known section; None where it takes a closer look."""
        match = _USUAL_LINE.fullmatch(line)
        if match is None or size > self._limits.size or len(match[2]) > self._limits.target:
            return None
        method, target = match[1].decode("ascii"), match[2].decode("ascii")
        return RequestHead(method, target, section.host, Version.HTTP_1_1, section.fields, section.body)

    def _keep(self, section: bytes, head: RequestHead) -> None:
        if head.version is not Version.HTTP_1_1:
            return
        # not the head's own authority: an absolute target may have said it in other letters
        host = authority_text(head.values(b"host")[0])
        self._recent.keep(section, _Section(head.fields, host, head.body))


def _read(head: bytes, limits: HeadLimits) -> RequestHead:
    _check_size(head, limits)
    if not head.endswith(b"\r\n\r\n"):
        raise malformed("head does not end in an empty line")
    request_line, _, rest = head.partition(b"\r\n")
    method, target, version = _request_line(request_line, limits)
    fields = _fields(rest[:-2], limits)
    by_name = fields.by_name
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


def _fields(section: bytes, limits: HeadLimits) -> FieldSection:
    check_field_count(section.count(b"\r\n"), limits)
    fields = read_section(section)
    if isinstance(fields, bytes):
        raise malformed("header line is not NAME: VALUE", fields)
    return fields


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
