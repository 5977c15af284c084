"""Stands in until routing/http1_answer.py is there."""

import re
from dataclasses import dataclass
from mesh_gateway.routing.fields import group
from mesh_gateway.routing.head import Body, Framing, parse_http1


class HeadReader:
    def __init__(self, limits):
        self.limits = limits

    def read(self, raw):
        return parse_http1(raw, self.limits)


_LINE = re.compile(rb"HTTP/1[.]([01]) ([1-9][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*))?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)")


@dataclass(frozen=True)
class AnswerHead:
    minor: bytes
    status: int
    reason: bytes
    fields: tuple
    by_name: dict

    def values(self, name):
        return self.by_name.get(name, [])

    @property
    def keeps_alive(self):
        t = {x.strip().lower() for v in self.values(b"connection") for x in v.split(b",")}
        return b"close" not in t and (self.minor == b"1" or b"keep-alive" in t)

    def framing(self, method):
        if method == "HEAD" or self.status < 200 or self.status in (204, 304):
            return Body(Framing.NONE)
        if te := self.values(b"transfer-encoding"):
            if [x.lower() for x in te] != [b"chunked"]:
                return "transfer-encoding"
            return Body(Framing.CHUNKED)
        cl = self.values(b"content-length")
        if not cl:
            return Body(Framing.UNTIL_END)
        if len(cl) != 1 or not re.fullmatch(rb"[0-9]{1,19}", cl[0]):
            return "content-length"
        return Body(Framing.LENGTH, int(cl[0]))


def read_answer(raw):
    first, *rest = raw[:-4].split(b"\r\n")
    m = _LINE.fullmatch(first)
    if not m:
        return f"status line {first[:60]!r}"
    fields = []
    for line in rest:
        f = _FIELD.fullmatch(line)
        if not f:
            return f"field {line[:60]!r}"
        fields.append((f[1], f[2].strip(b" \t")))
    return AnswerHead(m[1], int(m[2]), m[3] or b"", tuple(fields), group(fields))
