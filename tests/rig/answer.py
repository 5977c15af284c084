"""What did a client get? One answer, whichever protocol carried it."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.rig.payload import Tally

HELD = 1 << 20
"""Body bytes kept; the rest is only counted and digested."""


@dataclass(slots=True)
class Answer:
    """A final answer. `whole` is False when the peer broke it off."""

    status: int
    fields: list[tuple[str, str]]
    version: str = "1.1"
    interim: list[int] = field(default_factory=list)
    """1xx statuses that came before."""
    body: bytearray = field(default_factory=bytearray)
    tally: Tally = field(default_factory=Tally)
    trailers: list[tuple[str, str]] = field(default_factory=list)
    whole: bool = False

    def add(self, piece: bytes) -> None:
        self.tally.add(piece)
        if len(self.body) < HELD:
            self.body += piece

    def all(self, name: str) -> list[str]:
        """The values of each field line of that name."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        """The value of a field that must be there exactly once."""
        values = self.all(name)
        assert len(values) == 1, f"{name}: {values}"
        return values[0]

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body as JSON; an assertion fails when it is none."""
        assert self.one("content-type").startswith("application/json"), (
            self.status,
            self.fields,
            bytes(self.body[:500]),
        )
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The `code` of an answer of the gateway's own; None for an upstream's answer."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return None
        return value.get("code") if isinstance(value, dict) else None
