"""What is to be done about one certificate now, by what is remembered of it and what is live? Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from acme_client.backoff import AN_HOUR, Attempt, Tried, Wait, breather, doubled, plan
from acme_client.pair import Leaf
from acme_client.record import Record
from acme_client.renewal import Due, Facts, Held, Later, Reason, Span, Verdict, Wish, is_question_due, judge

MOST_CUT_OFF = 3
"""So many attempts may be killed before one an hour is the most."""
OF_AGE = frozenset({Reason.ARI, Reason.LIFETIME, Reason.EMERGENCY})
MOST_AT_ONCE = 3
"""So many orders in a row may be out of turn, as while somebody sets this up, before each waits longer than the last."""
A_WEEK = timedelta(days=7)
"""So long two orders of the same names count against a limit of Let's Encrypt's."""


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


def out_of_turn(reason: Reason, record: Record, now: datetime) -> int:
    """How many orders in a row no age asked for, with one for `reason` that succeeds now."""
    if record.last_success is None or reason in OF_AGE:
        return 0
    return record.out_of_turn + 1 if abs(now - record.last_success) < A_WEEK else 1


def _pause(reason: Reason, record: Record, leaf: Leaf | None, now: datetime) -> Later | None:
    """Three cases that no failure tells of.

    One was made just now, and looks old. One was made just now out of turn, as two programs do that share a folder and
    not their settings, or when somebody removes the files again and again. Attempts are killed on and on.
    """
    made = record.last_success
    if leaf and record.serial == leaf.serial and made and reason in OF_AGE:
        rest = breather(reason, made, leaf.not_after - leaf.not_before)
        if made <= now < rest:
            return Later(rest, reason)
    if made and record.out_of_turn >= MOST_AT_ONCE and reason not in OF_AGE:
        rest = made + doubled(1 + record.out_of_turn - MOST_AT_ONCE)
        if made <= now < rest:
            return Later(rest, Reason.BACKOFF)
    last = record.last_attempt  # one of the future was dated by a clock that was wrong
    if record.cut_off >= MOST_CUT_OFF and last and last <= now < last + AN_HOUR:
        return Later(last + AN_HOUR, Reason.BACKOFF)
    return None
