"""Where does a request's body end? The one question that smuggling needs two answers to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique

from mesh_gateway.routing.rejection import malformed

# 19 digits are within 64 signed bits, which is what upstreams count in
_LENGTH = re.compile(rb"[0-9]{1,19}")


@unique
class Framing(Enum):
    """How the end of a body is told."""

    NONE = "none"
    LENGTH = "length"
    CHUNKED = "chunked"
    UNTIL_END = "until end"
    """HTTP/2 without content-length: END_STREAM tells."""


@dataclass(frozen=True, slots=True)
class Body:
    """What a head says of the body that follows. `length` goes with LENGTH."""

    framing: Framing
    length: int | None = None

    @property
    def is_empty(self) -> bool:
        """Is it certain that no byte of a body follows?"""
        return self.framing is Framing.NONE or self.length == 0


NO_BODY = Body(Framing.NONE)


def http1_body(by_name: Mapping[bytes, list[bytes]], *, chunked_allowed: bool) -> Body:
    """The framing of an HTTP/1 request (RFC 9112 6.3); HTTP/1.0 does not know `chunked` (RFC 9112 6.1).

    Stricter than the RFC where it leaves a choice: no two lengths, not even equal ones; no coding but `chunked`;
    never both.
    """
    codings = by_name.get(b"transfer-encoding")
    if codings is None:
        return _body_of_length(by_name)
    if not chunked_allowed:
        raise malformed("transfer-encoding in HTTP/1.0")
    if b"content-length" in by_name:
        raise malformed("transfer-encoding and content-length")
    if [coding.lower() for coding in codings] != [b"chunked"]:
        raise malformed("transfer-encoding other than one `chunked`")
    return Body(Framing.CHUNKED)


def http2_body(by_name: Mapping[bytes, list[bytes]], *, end_stream: bool) -> Body:
    """The framing of an HTTP/2 request (RFC 9113 8.1.1): a length given must be the length sent."""
    body = _body_of_length(by_name)
    if not end_stream:
        return Body(Framing.UNTIL_END) if body is NO_BODY else body
    if not body.is_empty:
        raise malformed("content-length, but the stream has ended")
    return body


def _body_of_length(by_name: Mapping[bytes, list[bytes]]) -> Body:
    lengths = by_name.get(b"content-length")
    if lengths is None:
        return NO_BODY
    if len(lengths) > 1:
        raise malformed("more than one content-length")
    if not _LENGTH.fullmatch(lengths[0]):
        raise malformed("content-length that is not a number of at most 19 digits")
    return Body(Framing.LENGTH, int(lengths[0]))
