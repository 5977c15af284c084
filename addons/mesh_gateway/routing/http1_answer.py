"""Is this the head of an HTTP/1 answer that may be passed on, and where does its body end?

As strict as the request's side: what two readers could understand in two ways would end one answer for the gateway and
another for the client.
"""

import re
from dataclasses import dataclass

from mesh_gateway.routing.fields import FieldSection, tokens
from mesh_gateway.routing.framing import Body, Framing
from mesh_gateway.routing.head_rules import VALUE
from mesh_gateway.routing.http1_section import read_section
from mesh_gateway.routing.request import Version

MAX_ANSWER_FIELDS = 200
FINAL = 200  # RFC 9110 15: below are interim answers
BODYLESS = frozenset({204, 304})

_STATUS_LINE = re.compile(rb"(HTTP/1[.][01]) ([1-9][0-9]{2})(?: (%s))?" % VALUE)
_VERSIONS = {b"HTTP/1.0": Version.HTTP_1_0, b"HTTP/1.1": Version.HTTP_1_1}
_LENGTH = re.compile(rb"[0-9]{1,19}")
_LONGEST_EXCERPT = 60

_NONE, _CHUNKED, _UNTIL_END = Body(Framing.NONE), Body(Framing.CHUNKED), Body(Framing.UNTIL_END)


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """A head that kept every rule."""

    version: Version
    status: int
    reason: bytes
    fields: FieldSection
    keeps_alive: bool
    """Whether the upstream is ready for another request afterwards (RFC 9112 9.3)."""
    body: Body | str
    """Where the body ends (RFC 9112 6.3) unless the request was HEAD, or what is wrong with that."""

    def values(self, name: bytes) -> list[bytes]:
        """All values of the field, whose name is given in lower case."""
        return self.fields.by_name.get(name, [])

    def framing(self, method: str) -> Body | str:
        """Where the body of the answer to a `method` request ends, or what is wrong with that."""
        return _NONE if method == "HEAD" else self.body


def read_answer(raw: bytes) -> AnswerHead | str:
    """The head in `raw`, which reaches up to and including the empty line; or what is wrong with it, for the operator."""
    if not raw.endswith(b"\r\n\r\n"):
        return "head does not end in an empty line"
    status_line, _, rest = raw.partition(b"\r\n")
    found = _STATUS_LINE.fullmatch(status_line)
    if found is None:
        return f"status line {status_line[:_LONGEST_EXCERPT]!r}"
    fields = read_section(rest[:-2])
    if isinstance(fields, bytes):
        return f"field line {fields[:_LONGEST_EXCERPT]!r}"
    if len(fields) > MAX_ANSWER_FIELDS:
        return "too many header fields"
    version, status = _VERSIONS[found[1]], int(found[2])
    keeps_alive = _keeps_alive(version, fields.by_name.get(b"connection"))
    return AnswerHead(version, status, found[3] or b"", fields, keeps_alive, _body(version, status, fields))


def _body(version: Version, status: int, fields: FieldSection) -> Body | str:
    if status < FINAL or status in BODYLESS:
        return _NONE
    if codings := fields.by_name.get(b"transfer-encoding"):
        return _coded(version, codings)
    lengths = fields.by_name.get(b"content-length")
    if not lengths:
        return _UNTIL_END
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
        return f"content-length {str(lengths)[:_LONGEST_EXCERPT]}"
    return Body(Framing.LENGTH, int(lengths[0]))


def _coded(version: Version, codings: list[bytes]) -> Body | str:
    """The coding overrides a length beside it; any other than one `chunked` is not undone here."""
    if version is Version.HTTP_1_0:
        return "transfer-encoding in HTTP/1.0"  # RFC 9112 6.1: whoever passed it on did not know what it means
    if len(codings) > 1 or codings[0].lower() != b"chunked":
        return f"transfer-encoding {str(codings)[:_LONGEST_EXCERPT]}"
    return _CHUNKED


def _keeps_alive(version: Version, connection: list[bytes] | None) -> bool:
    if not connection:
        return version is Version.HTTP_1_1
    options = tokens(connection)
    return b"close" not in options and (version is Version.HTTP_1_1 or b"keep-alive" in options)
