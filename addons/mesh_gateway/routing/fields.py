"""How is a list of header fields asked? Names are compared in lower case, values stay the bytes they came as."""

from collections.abc import Callable, Iterable

Field = tuple[bytes, bytes]

_NOT_FOR_THIS_CONNECTION_ONLY = frozenset({b"host", b"content-length"})


class FieldSection(tuple[Field, ...]):  # noqa: SLOT001 - a tuple's subclass can have no slots with something in them
    """Fields as they came, and what follows from them alone: a peer says the same ones again and again."""

    def __init__(self, _: Iterable[Field] = ()) -> None:
        self.by_name = group(self)
        """Lower-case name to its values."""
        self._derived: dict[Callable[[FieldSection], tuple[Field, ...]], tuple[Field, ...]] = {}

    def derive(self, how: Callable[["FieldSection"], tuple[Field, ...]]) -> tuple[Field, ...]:
        """`how(self)`, worked out once; `how` is one of a module's few functions."""
        known = self._derived.get(how)
        if known is None:
            known = self._derived[how] = how(self)
        return known


def group(fields: Iterable[Field]) -> dict[bytes, list[bytes]]:
    """Lower-case name to its values, in the order of the fields."""
    grouped: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        grouped.setdefault(name.lower(), []).append(value)
    return grouped


def elements(values: Iterable[bytes]) -> list[bytes]:
    """The elements of a list-valued field: whitespace off, empty ones skipped (RFC 9110 5.6.1.2)."""
    return [element for value in values for part in value.split(b",") if (element := part.strip(b" \t"))]


def tokens(values: Iterable[bytes]) -> frozenset[bytes]:
    """The elements of a list of case-insensitive tokens, in lower case."""
    return frozenset(element.lower() for element in elements(values))


def named_by_connection(connection: Iterable[bytes]) -> frozenset[bytes]:
    """The names that the values of `Connection` declare to be for this hop only (RFC 9110 7.6.1).

    Fields meant for all recipients must not be named there; a peer that names these two anyway would change
    where the message ends or whose it is, so they cannot be named away.
    """
    return tokens(connection) - _NOT_FOR_THIS_CONNECTION_ONLY
