"""What does the certificate program say of its certificates? Its state files, one for each (docs/certificates.md)."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

VERSION = 1
MOST_FILES = 1000
MOST_BYTES = 1 << 16
LOOK_SECONDS = 5.0
MOST_COUNTED = 1 << 53
"""Up to here each count is a float of its own, as the metrics show it; far larger ones are no float at all."""
MOST_TEXT = 500
"""Of an error's message so many characters are told."""
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
"""Times from the one on, and before the other: in any zone they are moments of Python's calendar."""
_NOT_A_RECORD = "dns-leftovers.json"
_AFTER_FAILURE = "backoff"
"""The `renew_reason` while `renew_at` is when it is tried again. `not_before_next_attempt` is of the last CA only."""
_NAME = re.compile(r"[A-Za-z0-9._*-]{1,253}")
_KIND = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True, slots=True)
class Renewal:
    """One certificate's record. Times are epoch seconds, None when unknown."""

    name: str
    not_after: float | None
    renew_at: float | None
    last_success: float | None
    successes: int
    failures: int
    failures_in_a_row: int
    last_error: str | None
    """The kind of the last failure, while it is the last word."""
    error_message: str | None = None
    """What the program says of it, in plain words and without secrets: for operators."""
    next_attempt: float | None = None
    """When it is tried again, after a failure."""


@dataclass(frozen=True, slots=True)
class Renewals:
    """All records, and how many files are none."""

    records: tuple[Renewal, ...] = ()
    faults: int = 0


def parse_renewal(content: bytes) -> Renewal:
    """One state file; raises ValueError for what is none of this version."""
    told: Any = json.loads(content)
    if not isinstance(told, dict) or told.get("version") != VERSION:
        raise ValueError(f"no record of version {VERSION}")
    name, counts, error = told.get("name"), told.get("renewals") or {}, told.get("last_error") or {}
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError("no name")
    if not (isinstance(counts, dict) and isinstance(error, dict)):
        raise ValueError("renewals or last_error is no object")  # noqa: TRY004 - one kind of error for a bad file
    in_a_row = _count(told, "failures")
    return Renewal(
        name=name,
        not_after=_moment(told, "not_after"),
        renew_at=_moment(told, "renew_at"),
        last_success=_moment(told, "last_success"),
        successes=_count(counts, "success"),
        failures=_count(counts, "failure"),
        failures_in_a_row=in_a_row,
        last_error=_kind(error) if in_a_row else None,
        error_message=_message(error) if in_a_row else None,
        next_attempt=_moment(told, "renew_at") if in_a_row and told.get("renew_reason") == _AFTER_FAILURE else None,
    )


def _moment(told: Mapping[str, Any], key: str) -> float | None:
    if (text := told.get(key)) is None:
        return None
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError(f"{key} has no time zone")
    if not EARLIEST <= moment < LATEST:
        raise ValueError(f"{key} is no moment of the years {EARLIEST.year} to {LATEST.year - 1}")
    return moment.timestamp()


def _count(told: Mapping[str, Any], key: str) -> int:
    count = told.get(key) or 0
    if not (isinstance(count, int) and 0 <= count <= MOST_COUNTED):
        raise ValueError(f"{key} is no count from 0 to {MOST_COUNTED}")
    return count


def _kind(error: Mapping[str, Any]) -> str:
    kind = error.get("kind")
    return kind.lower() if isinstance(kind, str) and _KIND.fullmatch(kind) else "other"


def _message(error: Mapping[str, Any]) -> str | None:
    message = error.get("message")
    if not isinstance(message, str) or not message.strip():
        return None
    return "".join(each if each.isprintable() else " " for each in message.strip()[:MOST_TEXT])


@dataclass(slots=True)
class RenewalsFolder:
    """The folder of state files, read every `LOOK_SECONDS` at most."""

    folder: Path
    clock: Callable[[], float]
    """Monotonic seconds."""
    _read_at: float | None = field(default=None)
    _found: Renewals = field(default_factory=Renewals)

    def look(self) -> Renewals:
        """All that can be read; a folder that is not there has none. Never raises for what lies on the disk."""
        if self._read_at is None or self.clock() - self._read_at >= LOOK_SECONDS:
            self._read_at = self.clock()
            self._found = self._read()
        return self._found

    def _read(self) -> Renewals:
        records: dict[str, Renewal] = {}
        faults = 0
        try:
            paths = sorted(path for path in self.folder.glob("*.json") if path.name != _NOT_A_RECORD)[:MOST_FILES]
        except OSError:
            return Renewals(faults=1)
        for path in paths:
            try:
                record = parse_renewal(_content(path))
            except (OSError, ValueError, RecursionError, OverflowError):
                faults += 1
            else:
                records[record.name] = record
        return Renewals(tuple(records.values()), faults)


def _content(path: Path) -> bytes:
    if not path.is_file():  # a pipe would never end
        raise ValueError("no file")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError("too large")
    return content
