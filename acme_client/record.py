"""What is known of one certificate from run to run?"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from acme_client.backoff import Setback
from acme_client.pair import Leaf
from acme_client.renewal import Reason, Suggestion

MOST_TEXT = 2000
"""Of a message so many characters are kept."""


@dataclass(frozen=True, slots=True)
class LastError:
    """The failure that nothing has made good yet."""

    kind: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """The record of one certificate. What is not known is None."""

    name: str
    names: tuple[str, ...] = ()
    directory: str | None = None
    """The CA that the live certificate is from."""
    profile: str | None = None
    issuer: str | None = None
    serial: str | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    generation: str | None = None
    certificate_id: str | None = None
    """RFC 9773 4.1."""
    renew_at: datetime | None = None
    renew_reason: str | None = None
    suggestion: Suggestion | None = None
    last_success: datetime | None = None
    last_attempt: datetime | None = None
    last_error: LastError | None = None
    setbacks: Mapping[str, Setback] = field(default_factory=dict)
    """By the directory of the CA they were met with."""
    successes: int = 0
    failures: int = 0
    jitter: float | None = None
    revoked_serial: str | None = None
    """The certificate that was revoked here, and counts as missing."""
    cut_off: int = 0
    """Attempts begun that came to no result: their program was killed."""
    out_of_turn: int = 0
    """Orders in a row, each within a week of the one before, that no age asked for: for other names, a lost file."""

    @property
    def failures_in_a_row(self) -> int:
        return max((setback.failures for setback in self.setbacks.values()), default=0)


def shorten(text: str) -> str:
    """A message as it is kept: bounded, on one line."""
    return " ".join(text.split())[:MOST_TEXT]


def failed(record: Record, directory: str, setback: Setback) -> Record:
    """The record after a failure."""
    return replace(
        record,
        last_attempt=setback.at,
        last_error=LastError(setback.kind, shorten(setback.message), setback.at),
        setbacks={**record.setbacks, directory: setback},
        failures=record.failures + 1,
        cut_off=0,
        renew_at=setback.until,
        renew_reason=Reason.BACKOFF,
    )


def succeeded(record: Record, leaf: Leaf, now: datetime, *, generation: str, certificate_id: str | None) -> Record:
    """The record after a certificate went live; whose it is and when it is renewed is the caller's to add."""
    return replace(
        record,
        issuer=leaf.issuer,
        serial=leaf.serial,
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        generation=generation,
        certificate_id=certificate_id,
        suggestion=None,
        last_success=now,
        last_error=None,
        setbacks={},
        successes=record.successes + 1,
        cut_off=0,
    )


def made_good(record: Record, now: datetime) -> Record:
    """The record of a certificate that is not due: of failures only those are kept that still hold a CA up."""
    setbacks = {
        directory: each
        for directory, each in record.setbacks.items()
        if now < each.until or any(now < limit.until for limit in each.limits)
    }
    return replace(record, setbacks=setbacks, last_error=record.last_error if setbacks else None)


def forgiven(record: Record) -> Record:
    """The record without what holds the next attempt up; the last error stays to be seen."""
    return replace(record, setbacks={}, cut_off=0, out_of_turn=0, renew_at=None, renew_reason=None)
