"""What did a stand-in server receive? One record per request, names and bytes as they came."""

from dataclasses import dataclass, field
from typing import Any

from tests.rig.payload import Tally

Fields = list[tuple[str, str]]


@dataclass(slots=True)
class Arrival:
    """One request. `body` and `trailers` grow while it is read; `complete` says that its end was seen."""

    connection: int
    """Which connection it came on, from 1."""
    raw_head: bytes
    """From the request line to the empty line; empty for HTTP/2."""
    method: str
    target: str
    version: str
    fields: Fields
    server_name: str | None = None
    """The SNI that the client sent."""
    body: Tally = field(default_factory=Tally)
    trailers: Fields = field(default_factory=list)
    complete: bool = False

    def all(self, name: str) -> list[str]:
        """The values of each field line of that name, whatever its case."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        """The value of a field that must be there exactly once."""
        values = self.all(name)
        assert len(values) == 1, f"{name}: {values}"
        return values[0]

    def has(self, name: str) -> bool:
        return bool(self.all(name))

    def summary(self) -> dict[str, Any]:
        """What the default answer tells of it, as JSON."""
        return {
            "method": self.method,
            "target": self.target,
            "version": self.version,
            "fields": self.fields,
            "size": self.body.size,
            "sha256": self.body.sha256,
            "connection": self.connection,
        }


def parse_head(raw: bytes, connection: int) -> Arrival:
    """The arrival of an HTTP/1 head. Lenient on purpose: what is wrong in it is for the test to see."""
    first, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, _, rest = first.partition(" ")
    target, _, version = rest.rpartition(" ")
    fields = [(name, value.strip(" \t")) for name, _, value in (line.partition(":") for line in lines)]
    return Arrival(connection, raw, method, target, version, fields)
