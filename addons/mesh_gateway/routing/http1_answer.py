"""Is this the head of an HTTP/1 answer that may be passed on, and where does its body end?

As strict as the request's side: what two readers could understand in two ways would end one answer for the gateway and
another for the client.
"""

import re
from dataclasses import dataclass

from mesh_gateway.routing.fields import FieldSection, tokens
from mesh_gateway.routing.framing import Body, Framing
from mesh_gateway.routing.head_rules import VALUE

MAX_ANSWER_FIELDS = 200
FINAL = 200  # RFC 9110 15: below are interim answers
BODYLESS = frozenset({204, 304})

_NAME = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_STATUS_LINE = re.compile(rb"HTTP/1[.]([01]) ([1-9][0-9]{2})(?: (%s))?" % VALUE)
_SECTION = re.compile(rb"(?:%s:%s\r\n)*" % (_NAME, VALUE))
_FIELDS = re.compile(rb"(%s):[ \t]*([^\r]*)\r\n" % _NAME)
_LENGTH = re.compile(rb"[0-9]{1,19}")
_EXCERPT = 60


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """A head that kept every rule."""

    status: int
    reason: bytes
    fields: FieldSection
    keeps_alive: bool
    """Whether the upstream is ready for another request afterwards (RFC 9112 9.3)."""

    def values(self, name: bytes) -> list[bytes]:
        """All values of the field, whose name is given in lower case."""
        return self.fields.by_name.get(name, [])

    def framing(self, method: str) -> Body | str:
        """Where the body of the answer to a `method` request ends (RFC 9112 6.3), or what is wrong with that."""
        if method == "HEAD" or self.status < FINAL or self.status in BODYLESS:
            return _NONE
        if codings := self.fields.by_name.get(b"transfer-encoding"):
            # The coding overrides a length beside it; any other coding than one `chunked` nobody here undoes.
            return (
                _CHUNKED if [coding.lower() for coding in codings] == [b"chunked"] else f"transfer-encoding {codings}"
            )
        lengths = self.fields.by_name.get(b"content-length")
        if lengths is None:
            return _UNTIL_END
        if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
            return f"content-length {str(lengths)[:80]}"
        return Body(Framing.LENGTH, int(lengths[0]))


_NONE, _CHUNKED, _UNTIL_END = Body(Framing.NONE), Body(Framing.CHUNKED), Body(Framing.UNTIL_END)


def read_answer(raw: bytes) -> AnswerHead | str:
    """The head in `raw`, which reaches up to and including the empty line; or what is wrong with it, for the operator."""
    status_line, _, section = raw[:-2].partition(b"\r\n")
    found = _STATUS_LINE.fullmatch(status_line)
    if found is None:
        return f"status line {status_line[:_EXCERPT]!r}"
    if not _SECTION.fullmatch(section):
        return _fault(section)
    fields = FieldSection([(name, value.rstrip(b" \t")) for name, value in _FIELDS.findall(section)])
    if len(fields) > MAX_ANSWER_FIELDS:
        return "too many header fields"
    keeps_alive = _keeps_alive(found[1], fields.by_name.get(b"connection"))
    return AnswerHead(int(found[2]), found[3] or b"", fields, keeps_alive)


def _keeps_alive(minor_version: bytes, connection: list[bytes] | None) -> bool:
    options = tokens(connection) if connection else frozenset()
    return b"close" not in options and (minor_version == b"1" or b"keep-alive" in options)


def _fault(section: bytes) -> str:
    """Which line is the first one that is no field."""
    for line in section.split(b"\r\n"):
        if not _SECTION.fullmatch(line + b"\r\n"):
            return f"field line {line[:_EXCERPT]!r}"
    return "field section"
