"""How are header fields written for HTTP/2 without a table? (RFC 7541)

hpack's encoder keeps as large a table as the peer allows, up to gigabytes, fills it with request ids that never come
again and searches it for each field: a quarter of what a small answer costs. Without one nothing grows.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, override

from hpack import Encoder
from hpack.table import HeaderTable

from mesh_gateway.routing.head import Field

_WITHOUT_INDEXING = 0x00  # RFC 7541 6.2.2
_NEVER_INDEXED = 0x10  # RFC 7541 6.2.3: nor by whoever passes it on
NO_TABLE = b"\x20"  # RFC 7541 6.3: a peer that allows less than the 4096 of the beginning waits to be told
_SHORT = 256
# Names up to this length are written once and remembered.
_LONGEST_REMEMBERED = 64
_SECRET = frozenset({b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"})


class PlainEncoder(Encoder):
    """Writes each field as the static table has it, else as a literal."""

    def __init__(self) -> None:
        super().__init__()
        self._has_said_no_table = False

    @override
    def encode(self, headers: Iterable[Any], huffman: bool = True) -> bytes:
        parts: list[bytes] = [] if self._has_said_no_table else [NO_TABLE]
        self._has_said_no_table = True
        for name, value in headers:
            if whole := _WHOLE.get((name, value)):
                parts.append(whole)
            else:
                parts += (_NAMES.get(name) or _new_name(name), _length(len(value)), value)
        return b"".join(parts)


def encode_answer(status: int, fields: Iterable[Field]) -> bytes:
    """The block of an answer's head. Names may come in capitals, which HTTP/2 does not know (RFC 9113 8.2.1)."""
    return (_STATUS.get(status) or _status(status)) + encode_fields(fields)


def encode_fields(fields: Iterable[Field]) -> bytes:
    """The same without a status; a block of trailers."""
    parts: list[bytes] = []
    for name, value in fields:
        size = len(value)
        beginning = _beginning(name) if len(name) <= _LONGEST_REMEMBERED else _new_name(name.lower())
        parts += (beginning, _LENGTHS[size] if size < _SHORT else _length(size), value)
    return b"".join(parts)


def _status(status: int) -> bytes:
    return _NAMES[b":status"] + _length(3) + b"%d" % status


@lru_cache(1024)
def _beginning(name: bytes) -> bytes:
    """How a field of that name begins. Names are few, and no secret."""
    lowered = name.lower()
    return _NAMES.get(lowered) or _new_name(lowered)


def _integer(value: int, prefix_bits: int, flags: int) -> bytes:
    """RFC 7541 5.1."""
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes([flags | value])
    parts = bytearray([flags | limit])
    value -= limit
    while value >= 128:  # noqa: PLR2004 - seven bits a byte
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _length(size: int) -> bytes:
    return _LENGTHS[size] if size < _SHORT else _integer(size, 7, 0)


def _flags(name: bytes) -> int:
    return _NEVER_INDEXED if name in _SECRET else _WITHOUT_INDEXING


def _new_name(name: bytes) -> bytes:
    return bytes([_flags(name)]) + _length(len(name)) + name


_LENGTHS = tuple(_integer(size, 7, 0) for size in range(_SHORT))
_WHOLE = {
    (name, value): _integer(index, 7, 0x80)  # RFC 7541 6.1
    for index, (name, value) in enumerate(HeaderTable.STATIC_TABLE, start=1)
    if value
}
_NAMES: dict[bytes, bytes] = {}
for _index, (_name, _) in enumerate(HeaderTable.STATIC_TABLE, start=1):
    _NAMES.setdefault(_name, _integer(_index, 4, _flags(_name)))
_STATUS = {int(value): whole for (name, value), whole in _WHOLE.items() if name == b":status"}
