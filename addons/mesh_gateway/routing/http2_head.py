"""Is this an HTTP/2 request head, and what does it say?"""

import re
from dataclasses import dataclass

from mesh_gateway.routing.fields import Field, FieldSection
from mesh_gateway.routing.framing import http2_body
from mesh_gateway.routing.head_rules import (
    METHOD,
    TARGET,
    VALUE,
    ByName,
    authority_text,
    check_field_count,
    check_fields,
    check_method,
    check_target_size,
    single_host,
    too_large,
)
from mesh_gateway.routing.recent import LONGEST_KEPT, Recent
from mesh_gateway.routing.rejection import HeadError, Rejection, malformed
from mesh_gateway.routing.request import HeadLimits, RequestHead, Version
from mesh_gateway.routing.target import agree, is_origin_form

_METHOD = re.compile(METHOD.encode())
_TARGET = re.compile(TARGET.encode())
_SCHEME = re.compile(rb"https?")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE = re.compile(rb"(?![\t ])%s(?<![\t ])" % VALUE)

# RFC 9113 8.2.2: they speak of a connection that HTTP/2 does not have, and frame a body for whoever believes them
_OF_A_CONNECTION = (b"connection", b"transfer-encoding", b"keep-alive", b"proxy-connection", b"upgrade")

# what ": " and CRLF would take, so that a head is as large here as in HTTP/1
_LINE_OVERHEAD = 4


@dataclass(frozen=True, slots=True)
class _Sound:
    """A field section that kept the rules, and how large it is."""

    section: FieldSection
    size: int


KnownSections = Recent[tuple[Field, ...], _Sound]
"""The field sections that one connection said last."""


def check_http2(
    *,
    method: bytes,
    scheme: bytes,
    authority: bytes,
    path: bytes,
    fields: tuple[Field, ...],
    end_stream: bool,
    limits: HeadLimits,
    known: KnownSections | None = None,
) -> RequestHead | Rejection:
    """The head of an HTTP/2 request, given its pseudo fields (RFC 9113 8.3.1) and the others apart.

    With `known` a section that the connection repeats is not looked at again; `limits` must stay the same then.
    """
    try:
        verb = _method(method)
        target = _target(verb, path, limits)
        section = _section(fields, len(method) + len(authority) + len(path), limits, known)
        whom = _authority(_scheme(scheme), authority, section.by_name)
        body = http2_body(section.by_name, end_stream=end_stream)
        return RequestHead(verb, target, whom, Version.HTTP_2, section, body)
    except HeadError as error:
        return error.rejection


def _method(method: bytes) -> str:
    if not _METHOD.fullmatch(method):
        raise malformed("method", method)
    check_method(verb := method.decode("ascii"))
    return verb


def _target(method: str, path: bytes, limits: HeadLimits) -> str:
    check_target_size(len(path), limits)
    if not _TARGET.fullmatch(path) or not is_origin_form(method, target := path.decode("ascii")):
        raise malformed("path", path)
    return target


def _section(fields: tuple[Field, ...], pseudo: int, limits: HeadLimits, known: KnownSections | None) -> FieldSection:
    """The section of `fields` in a head whose pseudo fields have `pseudo` bytes."""
    if known and (sound := known.get(fields)):
        _check_size(pseudo + sound.size, limits)
        return sound.section
    check_field_count(len(fields), limits)
    size = sum(len(name) + len(value) + _LINE_OVERHEAD for name, value in fields)
    _check_size(pseudo + size, limits)
    section = _sound(fields)
    if known and size <= LONGEST_KEPT:
        known.keep(fields, _Sound(section, size))
    return section


def _check_size(size: int, limits: HeadLimits) -> None:
    if size > limits.size:
        raise too_large(f"head of {size} bytes")


def _sound(fields: tuple[Field, ...]) -> FieldSection:
    for name, value in fields:
        if not _NAME.fullmatch(name):
            raise malformed("field name", name)
        if not _VALUE.fullmatch(value):
            raise malformed("field value", value)
    section = FieldSection(fields)
    check_fields(section.by_name)
    _check_connection(section.by_name)
    return section


def _check_connection(by_name: ByName) -> None:
    for name in _OF_A_CONNECTION:
        if name in by_name:
            raise malformed("field of a connection in HTTP/2", name)
    for value in by_name.get(b"te", ()):
        if value.lower() != b"trailers":
            raise malformed("te other than trailers", value)


def _scheme(scheme: bytes) -> str:
    if not _SCHEME.fullmatch(scheme):
        raise malformed("scheme", scheme)
    return scheme.decode("ascii")


def _authority(scheme: str, authority: bytes, by_name: ByName) -> str:
    """Whom the request is for: `:authority`, else `Host`, and never two different ones (RFC 9113 8.3.1)."""
    host = single_host(by_name)
    if not authority:
        if host is None:
            raise malformed("neither :authority nor host")
        return host
    whom = authority_text(authority)
    if host is not None and not agree(whom, host, scheme):
        raise malformed(":authority and host name different authorities")
    return whom
