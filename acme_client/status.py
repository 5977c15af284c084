"""How do the certificates stand? A table for people, JSON for programs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum, unique
from typing import Any

from acme_client.pair import Leaf
from acme_client.record import Record
from acme_client.records import to_json
from acme_client.renewal import LAST_CALL
from acme_client.wanted import Wanted

_DAY_SECONDS = 86_400


@unique
class State(StrEnum):
    """What a client of the gateway would find."""

    VALID = "valid"
    ENDS_SOON = "ends soon"
    """Less of its life is left than should ever be (emergency)."""
    QUEUED = "waits its turn"
    """A tenant's first one, within the week's limit."""
    MISSING = "missing"
    EXPIRED = "expired"
    REVOKED = "revoked"
    NAMES_DIFFER = "names differ"


@dataclass(frozen=True, slots=True)
class Standing:
    """One certificate: what is wanted, what is live, what is remembered."""

    wanted: Wanted
    leaf: Leaf | None
    record: Record

    def state(self, now: datetime) -> State:
        if self.leaf is None:
            return State.QUEUED if self.wanted.tenant and not self.record.last_attempt else State.MISSING
        if now >= self.leaf.not_after:
            return State.EXPIRED
        if self.leaf.serial == self.record.revoked_serial:
            return State.REVOKED
        if set(self.leaf.names) != set(self.wanted.names):
            return State.NAMES_DIFFER
        last_call = self.leaf.not_after - (self.leaf.not_after - self.leaf.not_before) * LAST_CALL
        return State.ENDS_SOON if now >= last_call else State.VALID

    def is_well(self, now: datetime) -> bool:
        """Whether nobody has to care: it serves or waits its turn, and the last attempt did not fail."""
        return self.state(now) in {State.VALID, State.QUEUED} and self.record.last_error is None


def as_json(standings: Sequence[Standing], now: datetime) -> str:
    """`{"now", "certificates": [the record's keys, "wanted", "state" and "is_well"]}`; the live one's dates and serial."""
    certificates = [_one(standing, now) for standing in standings]
    return json.dumps({"now": _moment(now), "certificates": certificates}, indent=1)


def as_table(standings: Sequence[Standing], now: datetime) -> str:
    """A paragraph for each certificate."""
    return "\n\n".join("\n".join(_lines(standing, now)) for standing in standings)


def _one(standing: Standing, now: datetime) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(to_json(standing.record))
    leaf = standing.leaf
    content |= {
        "wanted": list(standing.wanted.names),
        "state": standing.state(now),
        "is_well": standing.is_well(now),
        "names": list(leaf.names) if leaf else [],
        "issuer": leaf.issuer if leaf else None,
        "serial": leaf.serial if leaf else None,
        "not_before": _moment(leaf.not_before) if leaf else None,
        "not_after": _moment(leaf.not_after) if leaf else None,
    }
    return content


def _lines(standing: Standing, now: datetime) -> Iterator[str]:
    record, leaf = standing.record, standing.leaf
    yield f"{standing.wanted.name}: {standing.state(now)}"
    yield f"  wanted for    {', '.join(standing.wanted.names)}"
    if leaf:
        yield f"  issued for    {', '.join(leaf.names)}"
        yield f"  issuer        {leaf.issuer}"
        yield f"  serial        {leaf.serial}"
        yield f"  valid         {_day(leaf.not_before)} to {_day(leaf.not_after)} ({_distance(leaf.not_after, now)})"
    if record.renew_at:
        yield f"  next attempt  {_day(record.renew_at)} ({_distance(record.renew_at, now)}; {record.renew_reason})"
    else:
        yield "  next attempt  at the next look"
    if record.last_error:
        error = record.last_error
        yield f"  last error    {_day(error.at)} {error.kind}: {error.message}"
        yield f"  failures      {record.failures_in_a_row} in a row"


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _distance(moment: datetime, now: datetime) -> str:
    seconds = abs((moment - now).total_seconds())
    span = f"{seconds / _DAY_SECONDS:.0f} days" if seconds >= 2 * _DAY_SECONDS else f"{seconds / 3600:.1f} hours"
    return f"in {span}" if moment > now else f"{span} ago"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
