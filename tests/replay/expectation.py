"""What came of a case, written so that two runs can be compared line by line?

Some things differ from run to run by nature. They are few, and stand here:

| what                                         | is written as    | why                         |
| -------------------------------------------- | ---------------- | --------------------------- |
| the id that the gateway made for the request | `<request id>`   | each request gets a new one |
| the value of `Date`                          | `<date>`         | the clock                   |

The id is replaced wherever it stands, in the body too before its digest is taken, so that the upstream's field, the
client's field and the page must still agree. An id that the gateway did not make stays as it is: it must not be there.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Self

from tests.rig.arrival import Arrival

Lines = Sequence[tuple[str, str]]

MADE_ID = re.compile(r"[0-9a-f]{32}")
REQUEST_ID, DATE = "<request id>", "<date>"


@dataclass(frozen=True, slots=True)
class Body:
    """A body by its digest."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Received:
    """One request as the upstream got it."""

    method: str
    target: str
    version: str
    fields: tuple[str, ...]
    body: Body
    whole: bool


@dataclass(frozen=True, slots=True)
class Returned:
    """The answer as the client got it, before it is changed into what may be compared."""

    status: int
    fields: Lines
    body: bytes

    @property
    def made_id(self) -> str | None:
        """The id that the gateway made for this request."""
        ids = [value for name, value in self.fields if name.lower() == "x-request-id"]
        return ids[0] if len(ids) == 1 and MADE_ID.fullmatch(ids[0]) else None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer, ready for comparison."""

    status: int
    fields: tuple[str, ...]
    body: Body


@dataclass(frozen=True, slots=True)
class Expectation:
    """Both ends of a case."""

    upstream: tuple[Received, ...]
    answer: Answer

    @classmethod
    def of(cls, arrivals: Iterable[Arrival], returned: Returned) -> Self:
        made_id = returned.made_id
        body = returned.body.replace(made_id.encode(), REQUEST_ID.encode()) if made_id else returned.body
        return cls(
            tuple(_received(arrival, made_id) for arrival in arrivals),
            Answer(
                returned.status,
                _comparable(returned.fields, made_id),
                Body(len(returned.body), hashlib.sha256(body).hexdigest()),
            ),
        )

    @property
    def page(self) -> str:
        """As it is kept in a file."""
        return json.dumps(asdict(self), indent=2) + "\n"


def difference(expected: str, found: str) -> str:
    """Between two pages, as a readable diff; empty where they say the same."""
    lines = difflib.unified_diff(expected.splitlines(), found.splitlines(), "recorded", "now", lineterm="")
    return "\n".join(lines)


def _received(arrival: Arrival, made_id: str | None) -> Received:
    return Received(
        arrival.method,
        arrival.target,
        arrival.version,
        _comparable(arrival.fields, made_id),
        Body(arrival.body.size, arrival.body.sha256),
        arrival.complete,
    )


def _comparable(fields: Lines, made_id: str | None) -> tuple[str, ...]:
    return tuple(f"{name}: {_constant(name, value, made_id)}" for name, value in fields)


def _constant(name: str, value: str, made_id: str | None) -> str:
    if name.lower() == "date":
        return DATE
    return value.replace(made_id, REQUEST_ID) if made_id else value
