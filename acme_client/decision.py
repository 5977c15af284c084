"""What is to be done about one certificate now, by what is remembered of it and what is live? Pure."""

from dataclasses import dataclass
from datetime import datetime

from acme_client.backoff import AN_HOUR, Attempt, Tried, Wait, breather, plan
from acme_client.pair import Leaf
from acme_client.record import Record
from acme_client.renewal import Due, Facts, Held, Later, Reason, Span, Verdict, Wish, is_question_due, judge

MOST_CUT_OFF = 3
"""So many attempts may be killed before one an hour is the most."""
OF_AGE = frozenset({Reason.ARI, Reason.LIFETIME, Reason.EMERGENCY})


@dataclass(frozen=True, slots=True)
class Begin:
    """Order it now."""

    attempt: Attempt
    reason: Reason


@dataclass(frozen=True, slots=True)
class Question:
    """When is the certificate to be renewed? (RFC 9773)"""

    directory: str
    certificate_id: str


def decide(wish: Wish, record: Record, leaf: Leaf | None, now: datetime, fingerprint: str = "") -> Later | Begin:
    """Whether an order is made now, with which CA, or when. The fingerprint is that of the settings."""
    verdict = verdict_of(wish, record, leaf, now)
    if isinstance(verdict, Due) and (pause := _pause(verdict.reason, record, leaf, now)):
        return pause
    match verdict, plan(wish.directories, record.setbacks, now, Tried(wish.names, fingerprint)):
        case Later(), _:
            return verdict
        case _, Wait(until):
            return Later(until, Reason.BACKOFF)
        case Due(reason), Attempt() as attempt:
            return Begin(attempt, reason)


def verdict_of(wish: Wish, record: Record, leaf: Leaf | None, now: datetime) -> Verdict:
    """The renewal's own judgement, whatever failed before."""
    if leaf is None or leaf.serial == record.revoked_serial:
        return judge(Facts(wish, None), now)
    names, life = frozenset(leaf.names), Span(leaf.not_before, leaf.not_after)
    if record.serial != leaf.serial:  # put there by somebody else, or the record was lost: nobody knows its CA
        return judge(Facts(wish, Held(names, life, None, wish.profile), None, record.jitter or 0.0), now)
    held = Held(names, life, record.directory, record.profile)
    return judge(Facts(wish, held, record.suggestion, record.jitter or 0.0), now)


def question_due(wish: Wish, record: Record, leaf: Leaf | None, now: datetime) -> Question | None:
    """What the CA of the live certificate is to be asked now; None when nothing is."""
    if leaf is None or record.serial != leaf.serial or not record.certificate_id or not record.directory:
        return None
    if record.directory not in wish.directories or not is_question_due(record.suggestion, now):
        return None
    return Question(record.directory, record.certificate_id)


def _pause(reason: Reason, record: Record, leaf: Leaf | None, now: datetime) -> Later | None:
    """Two cases that no failure tells of: one was made just now, and looks old; attempts are killed on and on."""
    if leaf and record.serial == leaf.serial and record.last_success and reason in OF_AGE:
        rest = breather(reason, record.last_success, leaf.not_after - leaf.not_before)
        if record.last_success <= now < rest:
            return Later(rest, reason)
    last = record.last_attempt  # one of the future was dated by a clock that was wrong
    if record.cut_off >= MOST_CUT_OFF and last and last <= now < last + AN_HOUR:
        return Later(last + AN_HOUR, Reason.BACKOFF)
    return None
