"""How are seen bytes written down, so that a difference can be read at a glance?"""

import hashlib
from collections.abc import Iterable

SHOWN = 4000
"""Bytes of a body that are written out; a longer one is told by its digest."""


def body_text(data: bytes) -> str:
    """Size, and content or digest."""
    shown = show(data) if len(data) <= SHOWN else "sha256 " + hashlib.sha256(data).hexdigest()
    return f"{len(data)} bytes: {shown}"


def show(data: bytes) -> str:
    """Any bytes as one printable line."""
    return data.decode("latin-1").encode("unicode_escape").decode("ascii")


def field_lines(fields: Iterable[tuple[str, str]]) -> list[str]:
    return ["  " + show(f"{name}: {value}".encode("latin-1")) for name, value in fields]
