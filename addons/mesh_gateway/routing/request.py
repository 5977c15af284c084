"""What does a valid request head say?"""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import NamedTuple

from mesh_gateway.routing.fields import FieldSection
from mesh_gateway.routing.framing import Body


@unique
class Version(StrEnum):
    """The protocol a request came in."""

    HTTP_1_0 = "HTTP/1.0"
    HTTP_1_1 = "HTTP/1.1"
    HTTP_2 = "HTTP/2.0"


_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """The largest head that is read: bytes of the whole, count of fields, bytes of the target."""

    size: int
    fields: int
    target: int


class RequestHead(NamedTuple):
    """A head that kept every rule of `head.py`; what comes after believes it.

    A tuple, as all that is made anew for each request: a frozen dataclass takes five times as long to make.
    """

    method: str
    target: str
    """Origin-form, starting with `/`; or `*` with OPTIONS."""
    authority: str
    """As the client wrote it, for `hostname.py` to read; empty where HTTP/1.0 gave none."""
    version: Version
    fields: FieldSection
    """All fields as received, `Host` too; without HTTP/2's pseudo fields."""
    body: Body

    def first(self, name: bytes) -> bytes | None:
        """The first value of the field, None where it is missing."""
        values = self.fields.by_name.get(name.lower())
        return values[0] if values else None

    def only(self, name: bytes) -> bytes | None:
        """The value of a field that came exactly once, else None."""
        values = self.fields.by_name.get(name.lower(), ())
        return values[0] if len(values) == 1 else None

    def values(self, name: bytes) -> list[bytes]:
        """All values of the field, in order."""
        return list(self.fields.by_name.get(name.lower(), ()))

    @property
    def is_idempotent(self) -> bool:
        """May it be repeated when a connection broke before an answer? (RFC 9110 9.2.2)"""
        return self.method in _IDEMPOTENT

    @property
    def needs_http2(self) -> bool:
        """Does only HTTP/2 carry its meaning? gRPC ends its answers in trailers."""
        return self.version is Version.HTTP_2 and self.first(b"te") == b"trailers"

    @property
    def expects_continue(self) -> bool:
        """Does the client wait for 100 before it sends a body? Not to be heard in HTTP/1.0 (RFC 9110 10.1.1)."""
        return b"expect" in self.fields.by_name and self.version is not Version.HTTP_1_0 and not self.body.is_empty
