"""How do h2's header tuples become text?"""

from collections.abc import Iterable
from typing import Any


def as_text(fields: Iterable[Any]) -> list[tuple[str, str]]:
    """Latin-1, as HTTP/1 is read here, so that equal bytes are equal text in both protocols."""
    return [(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in fields]
