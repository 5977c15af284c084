"""Is a certificate due, and if not, when will it be? Pure: no clock, no files, no chance of its own."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique

SHORT_LIFE = timedelta(days=10)
"""Up to here a certificate is renewed at half its life: Let's Encrypt's own rule for its 6-day ones."""
LEFT = 1 / 3
"""Of a longer life so much must be left; never "30 days", for lifetimes shrink to 64 and 45 days."""
LEFT_OF_SHORT = 1 / 2
SPREAD = 1 / 30
"""Renewals of one day are spread over so much of the life, by the certificate's jitter."""
LAST_CALL = 1 / 20
"""With less of its life left a certificate is due whatever anybody suggests."""
ASK_AGAIN = timedelta(hours=6)
"""Without a usable Retry-After or after a failure (RFC 9773 4.3.3)."""
ASK_AGAIN_SOONEST = timedelta(minutes=1)
ASK_AGAIN_LATEST = timedelta(days=1)
"""Reasonable limits to a Retry-After (RFC 9773 4.3.2)."""


@unique
class Reason(StrEnum):
    """Why a certificate is due, or why it will be."""

    ARI = "ari"
    LIFETIME = "lifetime"
    EMERGENCY = "emergency"
    NAMES = "names"
    PROFILE = "profile"
    AUTHORITY = "authority"
    MISSING = "missing"
    BACKOFF = "backoff"
    """Due, but not yet tried again after a failure; said by `backoff`, never by `judge`."""


@dataclass(frozen=True, slots=True)
class Span:
    """From a moment to another."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the CA suggested last (RFC 9773), and the moment that was chosen in it, once."""

    window: Span | None
    chosen: datetime | None
    fetched: datetime
    retry_after: datetime
    """Not asked again before."""
    explanation_url: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """The certificate at hand."""

    names: frozenset[str]
    life: Span
    directory: str | None
    """The CA that it is from; None when that is not known, which is no reason to renew."""
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """The certificate as it should be."""

    names: frozenset[str]
    directories: tuple[str, ...]
    """Any of these CAs will do."""
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the judgement rests on, but for the time."""

    wish: Wish
    held: Held | None
    suggestion: Suggestion | None = None
    jitter: float = 0.0
    """From 0 to below 1; see `jitter`."""


@dataclass(frozen=True, slots=True)
class Due:
    """Renew now."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Later:
    """Renew at that moment, if nothing changes."""

    at: datetime
    reason: Reason


Verdict = Due | Later


def judge(facts: Facts, now: datetime) -> Verdict:
    """Five cases: none is there; not the one wished for; life nearly over; the CA's suggestion; a share of its life.

    `Later` never lies behind the last twentieth's begin. Raises nothing.
    """
    if facts.held is None:
        return Due(Reason.MISSING)
    if change := _change(facts.held, facts.wish):
        return Due(change)
    last_call = _before_end(facts.held.life, LAST_CALL)
    if now >= last_call:
        return Due(Reason.EMERGENCY)
    at, reason = _moment(facts.held.life, facts)
    return Due(reason) if now >= at else Later(min(at, last_call), reason)


def _change(held: Held, wish: Wish) -> Reason | None:
    if held.names != wish.names:
        return Reason.NAMES
    if held.directory is not None and held.directory not in wish.directories:
        return Reason.AUTHORITY
    return Reason.PROFILE if held.profile != wish.profile else None


def _moment(life: Span, facts: Facts) -> tuple[datetime, Reason]:
    if facts.suggestion and facts.suggestion.chosen:
        return facts.suggestion.chosen, Reason.ARI
    left = LEFT_OF_SHORT if life.end - life.start <= SHORT_LIFE else LEFT
    return _before_end(life, left + facts.jitter * SPREAD), Reason.LIFETIME


def _before_end(life: Span, share: float) -> datetime:
    return life.end - max(life.end - life.start, timedelta()) * share


def suggest(
    window: Span | None,
    before: Suggestion | None,
    now: datetime,
    *,
    retry_after: timedelta | None,
    draw: Callable[[], float],
    explanation_url: str | None = None,
) -> Suggestion:
    """What is to be remembered of an answer to a question for renewal information; None stands for no answer.

    A moment is drawn (`draw`: from 0 to below 1) once per window: the same window again leaves it. An inverted window
    counts as no answer (RFC 9773 4.2), and after none the one from before holds on.
    """
    pause = ASK_AGAIN if retry_after is None else min(max(retry_after, ASK_AGAIN_SOONEST), ASK_AGAIN_LATEST)
    if window is None or window.end <= window.start:
        kept = (before.window, before.chosen, before.explanation_url) if before else (None, None, None)
        return Suggestion(kept[0], kept[1], now, now + ASK_AGAIN, kept[2])
    if before and before.window == window and before.chosen:
        chosen = before.chosen
    else:
        chosen = window.start + (window.end - window.start) * draw()
    return Suggestion(window, chosen, now, now + pause, explanation_url)


def is_question_due(suggestion: Suggestion | None, now: datetime) -> bool:
    """Whether the CA is asked for renewal information; also when the clock was set back behind the last answer."""
    return suggestion is None or now >= suggestion.retry_after or now < suggestion.fetched


def jitter(host: str, name: str) -> float:
    """From 0 to below 1, always the same for one host and certificate."""
    digest = hashlib.sha256(f"{host}\0{name}".encode()).digest()
    return int.from_bytes(digest[:6]) / (1 << 48)
