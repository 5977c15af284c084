"""Which field has which number in a header block? The table that both ends of HPACK keep (RFC 7541 2.3)."""

from typing import Final, NamedTuple

from hpack.table import HeaderTable

from mesh_gateway.routing.head import Field

DEFAULT_TABLE: Final = 4096  # RFC 9113 6.5.2; the gateway allows no other
FIELD_OVERHEAD: Final = 32  # RFC 7541 4.1, RFC 9113 6.5.2: what a field counts beside its name and value


class Entry(NamedTuple):
    """A field, and what it counts."""

    field: Field
    weight: int


def weigh(field: Field) -> Entry:
    """The entry of a field."""
    name, value = field
    return Entry(field, len(name) + len(value) + FIELD_OVERHEAD)


_STATIC: Final = [weigh(field) for field in reversed(HeaderTable.STATIC_TABLE)]


class FieldTable:
    """One direction of a connection. It holds `DEFAULT_TABLE` bytes at most."""

    __slots__ = ("_limit", "_size", "numbered")

    def __init__(self) -> None:
        self.numbered: list[Entry] = _STATIC.copy()
        """The field with number 1 is the last, the one with number 2 the one before; nothing has number 0."""
        self._limit = DEFAULT_TABLE
        self._size = 0

    def add(self, entry: Entry) -> None:
        """As the newest, which has the lowest number behind the static ones; the oldest make room (RFC 7541 4.4)."""
        weight = entry.weight
        if self._size + weight > self._limit:
            self._make_room(self._limit - weight)
        if weight <= self._limit:
            self.numbered.insert(-len(_STATIC), entry)
            self._size += weight

    def resize(self, limit: int) -> None:
        """Hold so many bytes at most from now on; the caller sees to it that it is no more than `DEFAULT_TABLE`."""
        self._limit = limit
        self._make_room(limit)

    def _make_room(self, limit: int) -> None:
        """Go without the oldest, down to so many bytes, or to none."""
        gone = 0
        while self._size > max(limit, 0):
            self._size -= self.numbered[gone].weight
            gone += 1
        del self.numbered[:gone]
