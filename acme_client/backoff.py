"""After a failure: when may the next attempt be, and with which CA? Pure; what it rests on is kept in the record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from acme_client.errors import REMEDIES, AcmeError, ErrorKind
from acme_client.renewal import Reason

REPEATED = 3
"""From so many failures in a row there is at most one attempt an hour, whatever the kind."""
AN_HOUR = timedelta(hours=1)
A_DAY = timedelta(days=1)
LONGEST = A_DAY
"""Doubling ends here."""
LONGEST_ASKED = timedelta(days=8)
"""A Retry-After is honoured up to here: the longest limit of a CA counts a week."""

MOST_CHANGES = 5
"""So many failures in a row may each be followed at once by a try with other settings; from then on it is one an hour, for
two programs that share a folder and not their settings would take turns."""

REHEARSED = frozenset(
    {
        ErrorKind.CAA,
        ErrorKind.CHALLENGE_FAILED,
        ErrorKind.DNS_CREDENTIALS,
        ErrorKind.DNS_PROVIDER,
        ErrorKind.IDENTIFIER_REJECTED,
        ErrorKind.LOOK_UP,
        ErrorKind.ORDER_FAILED,
        ErrorKind.PROPAGATION,
    }
)
"""After these a staging CA shows whether the fault is mended, and no limit that matters is eaten."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What an attempt was made with."""

    names: frozenset[str]
    fingerprint: str
    """Of all settings that bear on it, see `fingerprint`."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a CA does not sign before a moment."""

    names: frozenset[str]
    until: datetime


MOST_LIMITS = 8
"""Of one CA that are remembered."""


@dataclass(frozen=True, slots=True)
class Setback:
    """What the failures in a row with one CA come to."""

    kind: ErrorKind
    message: str
    at: datetime
    failures: int
    until: datetime
    """No attempt with this CA before, unless something else is tried."""
    tried: Tried | None = None
    """What failed; None when that is not known."""
    limits: tuple[Limit, ...] = ()
    """The CA's own that were met, whatever failed since."""

    @property
    def is_lasting(self) -> bool:
        """Whether this CA will not be asked again within the hour, which is when the next one gets its turn."""
        return self.until - self.at >= AN_HOUR


@dataclass(frozen=True, slots=True)
class Attempt:
    """Try now."""

    directory: str
    is_rehearsed: bool
    """Whether the CA's staging, where it has one, is tried first."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do not try before."""

    until: datetime


def after(error: AcmeError, before: Setback | None, now: datetime, tried: Tried | None = None) -> Setback:
    """The setback that follows from one more failure with the same CA."""
    failures = (before.failures if before else 0) + 1
    until = now + pause(error.kind, failures, error.retry_after)
    limits = [limit for limit in (before.limits if before else ()) if now < limit.until]
    if error.kind is ErrorKind.RATE_LIMITED and tried:
        limits = [*(limit for limit in limits if limit.names != tried.names), Limit(tried.names, until)]
    return Setback(error.kind, str(error), now, failures, until, tried, tuple(limits[-MOST_LIMITS:]))


def doubled(times: int) -> timedelta:
    """An hour, doubled with each time after the first, up to a day."""
    return min(AN_HOUR * (1 << min(max(times - 1, 0), 12)), LONGEST)


def pause(kind: ErrorKind, failures: int, retry_after: timedelta | None = None) -> timedelta:
    """The time until the next attempt: the kind's own, doubled with each further failure, at least what the CA asked for."""
    own = REMEDIES[kind].pause
    doubled = min(own * (1 << min(max(failures - 1, 0), 12)), max(LONGEST, own))
    least = AN_HOUR if failures >= REPEATED else timedelta()
    asked = min(retry_after or timedelta(), LONGEST_ASKED)
    return max(doubled, least, asked)


def breather(reason: Reason, last_success: datetime, life: timedelta) -> datetime:
    """No renewal for its age before, however old a new certificate looks: the clock may be wrong, and orders are few.

    What the CA suggests itself waits a day at most, less for a short life: it may be about to revoke, or say so always.
    """
    share = min(life / 4, A_DAY) if reason is Reason.ARI else life / 20
    return last_success + max(AN_HOUR, share)


def plan(
    directories: Sequence[str], setbacks: Mapping[str, Setback], now: datetime, tried: Tried | None = None
) -> Attempt | Wait:
    """The first CA of the list that may be tried now; a later one only when those before it stay down.

    A failure that no other CA could mend (the zone, the store) holds all of them up. What would be `tried` now counts: a
    failure of something else says little about it.
    """
    until = []
    for directory in directories:
        setback = setbacks.get(directory)
        if setback and (limit := _limit(setback, tried, now)):
            until.append(limit.until)
            continue
        if setback is None or is_over(setback, now) or now >= (end := _end(setback, tried)):
            return Attempt(directory, is_rehearsed=setback is not None and setback.kind in REHEARSED)
        if not REMEDIES[setback.kind].another_ca_may_help or not setback.is_lasting:
            return Wait(end)
        until.append(end)
    return Wait(min(until, default=now))


def is_over(setback: Setback, now: datetime) -> bool:
    """Whether it holds nothing up any more."""
    # A clock that was set back behind the failure would hold an attempt up for as long as it was wrong.
    return now >= setback.until or now < setback.at - AN_HOUR


def _limit(setback: Setback, tried: Tried | None, now: datetime) -> Limit | None:
    """The CA's that what would be tried now is under. One that begins in the future was dated by a wrong clock."""
    for limit in setback.limits:
        if tried and tried.names == limit.names and now < limit.until <= now + LONGEST_ASKED + AN_HOUR:
            return limit
    return None


def _end(setback: Setback, tried: Tried | None) -> datetime:
    """Until when the setback holds up what would be tried; a moment that is over for something else than what failed.

    The limits of a CA are for names, whatever else is set.
    """
    if tried is None or setback.tried is None or tried == setback.tried:
        return setback.until
    if setback.kind is ErrorKind.RATE_LIMITED and tried.names == setback.tried.names:
        return setback.until
    if setback.failures >= MOST_CHANGES:
        return min(setback.until, setback.at + AN_HOUR)
    return setback.at - AN_HOUR
