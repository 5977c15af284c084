"""Which fields does a section of HTTP/1 header lines hold? One look reads them all; a second says which line is none."""

import re

from mesh_gateway.routing.fields import FieldSection
from mesh_gateway.routing.head_rules import VALUE

# RFC 9112 5: no space before the colon, no folding, no bare CR or LF. `++` and `*+` give nothing back: a long run of
# blanks before a byte that is not allowed would else be cut in two at every place in turn.
_LINE = re.compile(rb"^([!#$%%&'*+.^_`|~0-9A-Za-z-]++):[ \t]*+(%s+)\r\n" % VALUE, re.MULTILINE)


def read_section(section: bytes) -> FieldSection | bytes:
    """The fields of `section`, which is empty or ends in CRLF; else the first line in it that is not NAME: VALUE."""
    found = _LINE.findall(section)
    # A line begins behind each LF and a match ends in the only LF that it has: as many as there are LFs are all lines.
    if len(found) != section.count(b"\n"):
        return next(line for line in section[:-2].split(b"\r\n") if not _LINE.fullmatch(line + b"\r\n"))
    return FieldSection([(name, value.rstrip(b" \t")) for name, value in found])
