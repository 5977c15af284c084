"""Which fields does a header block hold? (RFC 7541)

Own code, for what it must stand: any bytes from anybody. hpack is right and four to fifty times slower; the Rust decoder
inside jh2 5.0.15 is quicker with new texts and slower with known ones, but panics at the single byte 00 and takes changes
of the table's size in the middle of a block.
"""

from h2.errors import ErrorCodes

from mesh_gateway.proxy.fast_path import http2_huffman
from mesh_gateway.proxy.fast_path.http2_frames import FrameError
from mesh_gateway.proxy.fast_path.http2_table import DEFAULT_TABLE, Entry, FieldTable, weigh
from mesh_gateway.routing.head import Field
from mesh_gateway.routing.recent import LONGEST_KEPT, Recent

Fields = tuple[Field, ...]

# RFC 7541 6: what the first bits of a field say.
_INDEXED = 0x80
_INDEXED_LONG = 0xFF
_ADDED = 0x40
_SIZE = 0x20
# RFC 7541 5.1 lets integers be padded without end; nothing here needs more than two bytes behind the first.
_MOST_SHIFT = 28


class BlockDecoder:
    """Reads the header blocks of one connection, which build upon each other."""

    def __init__(self, max_list: int) -> None:
        """Lists that count more than `max_list` (RFC 9113 6.5.2) are not read to their end."""
        self._max_list = max_list
        self._table = FieldTable()
        self._known: Recent[bytes, Fields] = Recent()
        """Blocks that left the table as it was and still mean the same."""
        self._knows_any = False

    def decode(self, block: bytes) -> Fields:
        """The fields of a whole block, the very same object for the same bytes; raises FrameError.

        After an error the connection cannot go on: the tables at both ends differ (RFC 9113 4.3).
        """
        known = self._known.get(block)
        if known is not None:
            return known
        try:
            fields, changes = self._read(block)
        except IndexError as error:
            raise _undecodable("a number that no field has, or an end in the middle of one") from error
        if not changes and len(block) <= LONGEST_KEPT:
            self._known.keep(block, fields)
            self._knows_any = True
        elif changes and self._knows_any:
            self._known, self._knows_any = Recent(), False
        return fields

    def _read(self, block: bytes) -> tuple[Fields, bool]:
        """The fields, and whether the table was changed. IndexError where something is missing."""
        numbered, fields, size, at, changes = self._table.numbered, list[Field](), 0, 0, False
        while at < len(block):
            first = block[at]
            if first >= _INDEXED:
                if first < _INDEXED_LONG:
                    number, at = first & 0x7F, at + 1
                else:
                    number, at = _integer(block, at, 0x7F)
                if not number:
                    raise IndexError
                field, weight = numbered[-number]
            elif first >= _ADDED:
                entry, at = self._literal(block, at, 0x3F)
                self._table.add(entry)
                changes = True
                field, weight = entry
            elif first >= _SIZE:
                at = self._resize(block, at, is_late=bool(fields))
                changes = True
                continue
            else:  # not to be added, and not even by whoever passes it on: all the same to a reader
                (field, weight), at = self._literal(block, at, 0x0F)
            size += weight
            if size > self._max_list:
                raise FrameError(f"a header list of more than {self._max_list}", ErrorCodes.ENHANCE_YOUR_CALM)
            fields.append(field)
        return tuple(fields), changes

    def _literal(self, block: bytes, at: int, prefix: int) -> tuple[Entry, int]:
        """RFC 7541 6.2: a name by its number or in full, and a value."""
        number, at = _integer(block, at, prefix)
        if number:
            name = self._table.numbered[-number].field[0]
        else:
            name, at = _string(block, at)
        value, at = _string(block, at)
        return weigh((name, value)), at

    def _resize(self, block: bytes, at: int, *, is_late: bool) -> int:
        """RFC 7541 4.2: before the first field, and never above what was allowed."""
        limit, at = _integer(block, at, 0x1F)
        if is_late or limit > DEFAULT_TABLE:
            raise _undecodable("a change of the table's size behind a field" if is_late else f"a table of {limit}")
        self._table.resize(limit)
        return at


def _integer(block: bytes, at: int, prefix: int) -> tuple[int, int]:
    """RFC 7541 5.1: the number, and where what follows begins."""
    value = block[at] & prefix
    if value < prefix:
        return value, at + 1
    at += 1
    for shift in range(0, _MOST_SHIFT, 7):
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
    raise _undecodable("an integer without end")


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    """RFC 7541 5.2: the text, and where what follows begins."""
    is_coded = block[at] & 0x80
    length, at = _integer(block, at, 0x7F)
    end = at + length
    if end > len(block):
        raise IndexError
    text = http2_huffman.decode(block[at:end]) if is_coded else block[at:end]
    if text is None:
        raise _undecodable("a text that is no Huffman code")
    return text, end


def _undecodable(reason: str) -> FrameError:
    return FrameError(f"a header block with {reason}", ErrorCodes.COMPRESSION_ERROR)
