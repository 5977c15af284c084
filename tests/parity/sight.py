"""What was seen of one row on one path? Lines of text per part, made alike where only chance makes them differ."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.parity.allowances import ALWAYS, NAMED, Part
from tests.parity.texts import field_lines, show
from tests.rig.arrival import Arrival
from tests.rig.origin import Origin

_ID = re.compile(r"\b[0-9a-f]{32}\b")


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen, and the statuses of the answers."""

    parts: Mapping[Part, Sequence[str]]
    statuses: tuple[int, ...]
    connections: int
    """How many connections upstreams got."""

    @property
    def told(self) -> str:
        """All of it, part by part."""
        return "\n".join(line for part, lines in self.parts.items() for line in (f"=== {part.value}", *lines))


def alike(parts: Mapping[Part, Sequence[str]], ports: Mapping[int, str]) -> dict[Part, list[str]]:
    """With request ids numbered in the order of their appearance, and upstreams' names in place of their ports."""
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return f"<id {numbers.setdefault(found.group(), len(numbers) + 1)}>"

    def write(line: str) -> str:
        for port, name in ports.items():
            line = re.sub(rf"(?<=127\.0\.0\.1:){port}\b|(?<=127\.0\.0\.1', ){port}\b", f"<{name}>", line)
        return _ID.sub(number, line)

    return {part: [write(line) for line in lines] for part, lines in parts.items()}


def upstream_lines(origins: Iterable[Origin], *, shuffled: bool) -> list[str]:
    """Each request that arrived, byte for byte but for its framing."""
    lines: list[str] = []
    for origin in origins:
        arrivals = sorted(origin.arrivals, key=lambda one: one.target) if shuffled else origin.arrivals
        for number, arrival in enumerate(arrivals, 1):
            on = "" if shuffled else f" on connection {arrival.connection}"
            lines.append(f"{origin.name}: request {number}{on}, server name {arrival.server_name}")
            lines += _arrival_lines(arrival)
    return lines


def _arrival_lines(arrival: Arrival) -> list[str]:
    if arrival.raw_head:
        head = ["  " + show(line) for line in arrival.raw_head.removesuffix(b"\r\n\r\n").split(b"\r\n")]
    else:
        head = field_lines(arrival.fields)
    # How much of a broken upload came through is a matter of moments.
    body = f"{arrival.body.size} bytes, sha256 {arrival.body.sha256}" if arrival.complete else "broken off"
    return [*head, f"  body: {body}", *("  trailer" + line for line in field_lines(arrival.trailers))]


def access_lines(records: Iterable[Mapping[str, Any]], *, shuffled: bool) -> list[str]:
    """The access lines, a key a line and in their order."""
    told = sorted(records, key=lambda record: str(record["path"])) if shuffled else records
    lines: list[str] = []
    for record in told:
        lines += ["access line:", *(f"  {key}: {_json(value)}" for key, value in record.items())]
    return lines


def _json(value: object) -> str:
    return "null" if value is None else str(value)


def differences(one: Sight, other: Sight, allowed: Sequence[str], paths: tuple[str, str]) -> str:
    """Which lines of which parts differ, as a diff; empty where all are equal or may differ."""
    found: dict[Part, list[str]] = {}
    for part in Part:
        mine, theirs = (allow(part, sight.parts[part], allowed) for sight in (one, other))
        if diff := list(difflib.unified_diff(mine, theirs, *paths, n=4, lineterm="")):
            found[part] = diff
    if not found:
        return ""
    first = "; ".join(f"{part.value}: {_first_change(diff)}" for part, diff in found.items())
    return "\n".join([first, *(line for part, diff in found.items() for line in ("", f"=== {part.value}", *diff))])


def _first_change(diff: Sequence[str]) -> str:
    return next(line for line in diff[2:] if line[0] in "+-")[:160]


def allow(part: Part, lines: Sequence[str], allowed: Sequence[str]) -> list[str]:
    """The lines without what may differ."""
    written = list(lines)
    for allowance in (*ALWAYS, *(one for name in allowed for one in NAMED[name])):
        if allowance.part is part:
            written = allowance.apply(written)
    return written
