"""When may it be tried again after a failure, and with which CA?"""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_client.backoff import (
    AN_HOUR,
    LONGEST,
    LONGEST_ASKED,
    MOST_CHANGES,
    MOST_LIMITS,
    REHEARSED,
    Attempt,
    Setback,
    Tried,
    Wait,
    after,
    breather,
    pause,
    plan,
)
from acme_client.errors import REMEDIES, AcmeError, ErrorKind
from acme_client.renewal import Reason
from tests.acme.rig.calendar import TODAY

FIRST, SECOND = "https://first.test/", "https://second.test/"


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


@pytest.mark.parametrize(
    ("kind", "failures", "asked", "expected"),
    [
        (ErrorKind.CA_UNREACHABLE, 1, None, minutes(10)),
        (ErrorKind.CA_UNREACHABLE, 2, None, minutes(20)),
        (ErrorKind.CA_UNREACHABLE, 3, None, AN_HOUR),
        (ErrorKind.CA_UNREACHABLE, 4, None, minutes(80)),
        (ErrorKind.CA_UNREACHABLE, 50, None, LONGEST),
        (ErrorKind.LOCKED, 3, None, AN_HOUR),
        (ErrorKind.IDENTIFIER_REJECTED, 1, None, timedelta(hours=12)),
        (ErrorKind.IDENTIFIER_REJECTED, 9, None, LONGEST),
        (ErrorKind.RATE_LIMITED, 1, timedelta(hours=34), timedelta(hours=34)),
        (ErrorKind.RATE_LIMITED, 1, minutes(1), AN_HOUR),
        (ErrorKind.RATE_LIMITED, 1, timedelta(days=3650), LONGEST_ASKED),
    ],
    ids=[
        "first", "doubled", "third: an hour at least", "doubled on", "a day at most", "never more often than hourly",
        "own pause", "doubled to the day", "what the CA asked for", "asked for less than its own", "asked for ten years",
    ],
)  # fmt: skip
def test_pause(kind: ErrorKind, failures: int, asked: timedelta | None, expected: timedelta) -> None:
    assert pause(kind, failures, asked) == expected


@given(st.sampled_from(ErrorKind), st.integers(1, 10_000), st.none() | st.timedeltas())
def test_a_pause_grows_and_stays_in_bounds(kind: ErrorKind, failures: int, asked: timedelta | None) -> None:
    this, following = pause(kind, failures, asked), pause(kind, failures + 1, asked)
    assert REMEDIES[kind].pause <= this <= following <= max(LONGEST, LONGEST_ASKED)


def test_failures_in_a_row_are_counted_whatever_their_kind() -> None:
    first = after(AcmeError(ErrorKind.CAA, "no"), None, TODAY)
    second = after(AcmeError(ErrorKind.CA_UNREACHABLE, "gone"), first, TODAY + AN_HOUR)
    assert (first.failures, second.failures) == (1, 2)
    assert second == Setback(ErrorKind.CA_UNREACHABLE, "gone", TODAY + AN_HOUR, 2, TODAY + AN_HOUR + minutes(20))


def setback(kind: ErrorKind, *, failures: int = 1, ago: timedelta = timedelta()) -> Setback:
    at = TODAY - ago
    return Setback(kind, "it failed", at, failures, at + pause(kind, failures))


UNREACHABLE, RATE, DNS = ErrorKind.CA_UNREACHABLE, ErrorKind.RATE_LIMITED, ErrorKind.DNS_CREDENTIALS


@pytest.mark.parametrize(
    ("setbacks", "expected"),
    [
        ({}, Attempt(FIRST, is_rehearsed=False)),
        ({FIRST: setback(UNREACHABLE)}, Wait(TODAY + minutes(10))),
        ({FIRST: setback(UNREACHABLE, ago=minutes(10))}, Attempt(FIRST, is_rehearsed=False)),
        ({FIRST: setback(UNREACHABLE, failures=3)}, Attempt(SECOND, is_rehearsed=False)),
        ({FIRST: setback(RATE)}, Attempt(SECOND, is_rehearsed=False)),
        ({FIRST: setback(DNS)}, Wait(TODAY + AN_HOUR)),
        ({FIRST: setback(DNS, failures=9)}, Wait(TODAY + LONGEST)),
        ({FIRST: setback(DNS, ago=AN_HOUR)}, Attempt(FIRST, is_rehearsed=True)),
        ({FIRST: setback(RATE, ago=AN_HOUR)}, Attempt(FIRST, is_rehearsed=False)),
        ({FIRST: setback(RATE), SECOND: setback(UNREACHABLE)}, Wait(TODAY + minutes(10))),
        ({FIRST: setback(RATE), SECOND: setback(RATE, failures=3)}, Wait(TODAY + AN_HOUR)),
        ({FIRST: setback(RATE), SECOND: setback(DNS)}, Wait(TODAY + AN_HOUR)),
        ({FIRST: setback(DNS, ago=timedelta(days=-30))}, Attempt(FIRST, is_rehearsed=True)),
        ({"https://left.test/": setback(DNS)}, Attempt(FIRST, is_rehearsed=False)),
    ],
    ids=[
        "nothing has failed",
        "first is down for now: wait for it",
        "first may be up again: try it",
        "first stays down: second",
        "first limits us: second",
        "the zone is at fault: no CA would help",
        "the zone stays at fault",
        "the zone may be mended: staging first",
        "a limit is over: no staging",
        "both are down: the sooner",
        "both limit us: the sooner",
        "second fell over the zone",
        "the failure is of the future: the clock was wrong",
        "a CA that is not in the list any more says nothing",
    ],
)
def test_plan(setbacks: dict[str, Setback], expected: Attempt | Wait) -> None:
    assert plan((FIRST, SECOND), setbacks, TODAY) == expected


FAILED = Tried(frozenset({"a.org"}), "before")
MENDED = Tried(FAILED.names, "now")
OTHERS = Tried(frozenset({"b.org"}), "before")


@pytest.mark.parametrize(
    ("kind", "failures", "tried", "may"),
    [
        (DNS, 1, FAILED, False),
        (DNS, 1, MENDED, True),
        (DNS, 1, OTHERS, True),
        (RATE, 1, MENDED, False),
        (RATE, 1, OTHERS, True),
        (DNS, MOST_CHANGES, MENDED, False),
        (DNS, 1, None, False),
    ],
    ids=[
        "the same again",
        "other settings",
        "other names",
        "a limit holds whatever is set",
        "a limit of other names",
        "too many changes within the hour",
        "nobody knows what is tried",
    ],
)
def test_what_is_something_else_is_tried_at_once(
    kind: ErrorKind, failures: int, tried: Tried | None, may: bool
) -> None:
    failed = replace(setback(kind, failures=failures, ago=minutes(5)), tried=FAILED)
    assert isinstance(plan((FIRST,), {FIRST: failed}, TODAY, tried), Attempt) is may


def test_after_many_changes_it_is_one_an_hour() -> None:
    failed = replace(setback(DNS, failures=MOST_CHANGES + 9, ago=AN_HOUR), tried=FAILED)
    assert plan((FIRST,), {FIRST: failed}, TODAY, MENDED) == Attempt(FIRST, is_rehearsed=True)
    assert plan((FIRST,), {FIRST: failed}, TODAY, FAILED) == Wait(failed.until)


def test_what_failed_before_that_was_noted_holds_on() -> None:
    assert plan((FIRST,), {FIRST: setback(DNS)}, TODAY, MENDED) == Wait(TODAY + AN_HOUR)


@pytest.mark.parametrize("kind", sorted(REHEARSED))
def test_what_is_rehearsed_is_the_fault_of_names_or_zone(kind: ErrorKind) -> None:
    over = setback(kind, ago=timedelta(days=2))
    assert plan((FIRST,), {FIRST: over}, TODAY) == Attempt(FIRST, is_rehearsed=True)


@pytest.mark.parametrize(
    ("reason", "days", "expected"),
    [
        (Reason.EMERGENCY, 90, timedelta(days=4.5)),
        (Reason.LIFETIME, 6, timedelta(hours=7.2)),
        (Reason.EMERGENCY, 0.5, AN_HOUR),
        (Reason.ARI, 90, timedelta(days=1)),
        (Reason.ARI, 0.5, timedelta(hours=3)),
    ],
    ids=[
        "a twentieth of its life",
        "of a short life",
        "an hour at least",
        "the CA's wish: a day",
        "of half a day: a quarter",
    ],
)
def test_breather(reason: Reason, days: float, expected: timedelta) -> None:
    assert breather(reason, TODAY, timedelta(days=days)) == TODAY + expected


def test_after_many_failures_what_is_tried_with_other_settings_waits_an_hour_and_no_longer() -> None:
    setback = None
    for _ in range(MOST_CHANGES):
        setback = after(AcmeError(ErrorKind.DNS_CREDENTIALS, "no"), setback, TODAY, FAILED)
    assert setback
    assert setback.until > TODAY + AN_HOUR
    assert plan([FIRST], {FIRST: setback}, TODAY + minutes(1), MENDED) == Wait(TODAY + AN_HOUR)
    assert plan([FIRST], {FIRST: setback}, TODAY + AN_HOUR, MENDED) == Attempt(FIRST, is_rehearsed=True)


def test_a_limit_holds_for_its_names_whatever_failed_since() -> None:
    week = AcmeError(ErrorKind.RATE_LIMITED, "five already", retry_after=timedelta(days=7))
    limited = after(week, None, TODAY, FAILED)
    since = after(AcmeError(ErrorKind.CA_UNREACHABLE, "no answer"), limited, TODAY + minutes(1), OTHERS)
    later = TODAY + timedelta(days=3)
    assert plan([FIRST], {FIRST: since}, later, OTHERS) == Attempt(FIRST, is_rehearsed=False)
    assert plan([FIRST], {FIRST: since}, later, MENDED) == Wait(TODAY + timedelta(days=7))
    assert plan([FIRST, SECOND], {FIRST: since}, later, MENDED) == Attempt(SECOND, is_rehearsed=False)
    assert plan([FIRST], {FIRST: since}, TODAY + timedelta(days=8), MENDED) == Attempt(FIRST, is_rehearsed=False)


def test_limits_are_bounded_and_those_that_are_over_forgotten() -> None:
    setback = None
    for number in range(2 * MOST_LIMITS):
        error = AcmeError(ErrorKind.RATE_LIMITED, "enough", retry_after=timedelta(days=1))
        setback = after(error, setback, TODAY, Tried(frozenset({f"{number}.org"}), ""))
    assert setback
    assert len(setback.limits) == MOST_LIMITS
    assert after(AcmeError(ErrorKind.CAA, "no"), setback, TODAY + timedelta(days=30), FAILED).limits == ()
