"""When is a certificate renewed? A table of certificates, suggestions and clocks."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_client.renewal import (
    ASK_AGAIN,
    ASK_AGAIN_LATEST,
    LAST_CALL,
    SPREAD,
    Due,
    Facts,
    Held,
    Later,
    Reason,
    Span,
    Suggestion,
    Wish,
    is_question_due,
    jitter,
    judge,
    suggest,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
CA, OTHER_CA = "https://ca.test/directory", "https://other.test/directory"
NAMES = frozenset({"example.com", "*.example.com"})
WISH = Wish(NAMES, (CA,))


def day(number: float) -> datetime:
    """The moment so many days after the certificate's begin."""
    return START + timedelta(days=number)


def held(days: float) -> Held:
    return Held(NAMES, Span(START, day(days)), CA)


def ari(start: float, end: float, chosen: float | None = None) -> Suggestion:
    """A window between two days; as `suggest` leaves it, with nothing chosen in an inverted one."""
    draw = 0.5 if chosen is None else (chosen - start) / (end - start)
    return suggest(Span(day(start), day(end)), None, START, retry_after=None, draw=lambda: draw)


@dataclass(frozen=True)
class Row:
    law: str
    days: float | None
    """The certificate's lifetime; None: there is none."""
    now: float
    verdict: Reason | tuple[float, Reason]
    """Why it is due, or the day on which it will be, and why."""
    suggestion: Suggestion | None = None
    jitter: float = 0.0
    wish: Wish = WISH
    held: Held | None = None


A, L, E = Reason.ARI, Reason.LIFETIME, Reason.EMERGENCY
TABLE = (
    Row("none is there", None, 0, Reason.MISSING),
    Row("none is there, whatever was suggested for the last", None, 0, Reason.MISSING, ari(50, 60)),
    Row("90 days, new: two thirds on", 90, 0, (60, L)),
    Row("90 days, at half its life: two thirds on", 90, 45, (60, L)),
    Row("90 days, a second before two thirds", 90, 60 - 1 / 86400, (60, L)),
    Row("90 days, at two thirds", 90, 60, L),
    Row("90 days, at 80 of them", 90, 80, L),
    Row("90 days, with a twentieth left", 90, 85.5, E),
    Row("90 days, over", 90, 91, E),
    Row("64 days, new", 64, 0, (64 * 2 / 3, L)),
    Row("64 days, at two thirds", 64, 42.7, L),
    Row("64 days, with less than a twentieth left", 64, 60.9, E),
    Row("45 days, new", 45, 0, (30, L)),
    Row("45 days, a day before two thirds", 45, 29, (30, L)),
    Row("45 days, at two thirds", 45, 30, L),
    Row("45 days, with less than a twentieth left", 45, 43, E),
    Row("6 days, new: half its life on", 6, 0, (3, L)),
    Row("6 days, a moment before half", 6, 2.99, (3, L)),
    Row("6 days, at half", 6, 3, L),
    Row("6 days, with less than a twentieth left", 6, 5.8, E),
    Row("10 days count as short", 10, 4, (5, L)),
    Row("11 days count as long", 11, 4, (11 * 2 / 3, L)),
    Row("jitter draws it forward", 90, 0, (60 - 0.5 * 3, L), jitter=0.5),
    Row("jitter makes it due earlier", 90, 59, L, jitter=0.5),
    Row("jitter spreads short lives little", 6, 0, (3 - 0.5 * 0.2, L), jitter=0.5),
    Row("90 days, window ahead", 90, 10, (55, A), ari(50, 60)),
    Row("90 days, window ahead, chosen at its begin", 90, 10, (50, A), ari(50, 60, 50)),
    Row("90 days, inside the window before the chosen moment", 90, 52, (55, A), ari(50, 60)),
    Row("90 days, at the chosen moment", 90, 55, A, ari(50, 60)),
    Row("90 days, window over", 90, 61, A, ari(50, 60)),
    Row("a window in the past means at once: it is being revoked", 90, 1, A, ari(-3, -2)),
    Row("a window later than two thirds is the CA's to choose", 90, 65, (75, A), ari(70, 80)),
    Row("a window behind the last twentieth is not waited for", 90, 80, (85.5, A), ari(87, 89)),
    Row("a window behind the end is not waited for", 90, 80, (85.5, A), ari(100, 110)),
    Row("with less than a twentieth left no window counts", 90, 86, E, ari(87, 89)),
    Row("64 days, window ahead", 64, 0, (40, A), ari(39, 41)),
    Row("45 days, window ahead", 45, 0, (29, A), ari(28, 30)),
    Row("6 days, window ahead", 6, 0, (3.5, A), ari(3, 4)),
    Row("6 days, window over", 6, 4, A, ari(2, 3)),
    Row("an inverted window is none", 90, 10, (60, L), ari(60, 50)),
    Row("an empty window is none", 90, 10, (60, L), ari(50, 50)),
    Row("an inverted window in the past makes nothing due", 90, 10, (60, L), ari(5, 1)),
    Row("a CA without windows: by lifetime", 90, 60, L, suggest(None, None, START, retry_after=None, draw=lambda: 0.0)),
    Row("clock 30 days back: as before", 90, -30, (60, L)),
    Row("clock 30 days back, short life: as before", 6, -30, (3, L)),
    Row("clock 30 days back, window stays", 90, -30, (55, A), ari(50, 60)),
    Row("clock 30 days ahead, young of 90: nothing", 90, 31, (60, L)),
    Row("clock 30 days ahead, 45 days: by lifetime", 45, 31, L),
    Row("clock 30 days ahead, 6 days: over", 6, 31, E),
    Row("clock 30 days ahead of the window", 90, 41 + 30, A, ari(50, 60)),
    Row("a name more is wanted", 90, 1, Reason.NAMES, wish=Wish(NAMES | {"example.org"}, (CA,))),
    Row("a name less is wanted", 90, 1, Reason.NAMES, wish=Wish(frozenset({"example.com"}), (CA,))),
    Row("names changed come before a window", 90, 1, Reason.NAMES, ari(50, 60), wish=Wish(frozenset({"a.b"}), (CA,))),
    Row("another CA is wanted", 90, 1, Reason.AUTHORITY, wish=Wish(NAMES, (OTHER_CA,))),
    Row("it is from the second CA of the list", 90, 1, (60, L), wish=Wish(NAMES, (OTHER_CA, CA))),
    Row("whose it is nobody knows", 90, 1, (60, L), held=replace(held(90), directory=None)),
    Row("another profile is wanted", 90, 1, Reason.PROFILE, wish=Wish(NAMES, (CA,), "shortlived")),
    Row("no profile is wanted any more", 90, 1, Reason.PROFILE, held=replace(held(90), profile="shortlived")),
    Row(
        "the profile is the one wanted", 6, 1, (3, L), wish=Wish(NAMES, (CA,), "s"), held=replace(held(6), profile="s")
    ),
    Row("ends before it begins", -1, 0, E),
)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.law)
def test_renewal(row: Row) -> None:
    certificate = row.held or (held(row.days) if row.days is not None else None)
    verdict = judge(Facts(row.wish, certificate, row.suggestion, row.jitter), day(row.now))
    match row.verdict:
        case Reason() as reason:
            assert verdict == Due(reason)
        case at, reason:
            assert isinstance(verdict, Later)
            assert (verdict.reason, abs(verdict.at - day(at)) < timedelta(seconds=1)) == (reason, True)


moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
spans = st.builds(Span, moments, moments)
suggestions = st.builds(Suggestion, st.none() | spans, st.none() | moments, moments, moments)
names = st.frozensets(st.sampled_from(["a.b", "*.a.b", "c.d"]))
authorities = st.sampled_from([CA, OTHER_CA])
wishes = st.builds(Wish, names, st.tuples(authorities), st.none() | st.just("p"))
holdings = st.builds(Held, names, spans, st.none() | authorities, st.none() | st.just("p"))
shares = st.floats(0, 1, exclude_max=True)


@given(st.builds(Facts, wishes, st.none() | holdings, st.none() | suggestions, shares), moments)
def test_never_later_than_the_last_twentieth(facts: Facts, now: datetime) -> None:
    verdict = judge(facts, now)
    if isinstance(verdict, Later):
        assert facts.held is not None
        life = facts.held.life
        assert now < verdict.at <= life.end - (life.end - life.start) * LAST_CALL


WINDOW = Span(day(50), day(60))


@given(spans, shares, shares, moments, moments)
def test_a_moment_is_chosen_once_per_window(
    window: Span, first_draw: float, second_draw: float, first_time: datetime, second_time: datetime
) -> None:
    first = suggest(window, None, first_time, retry_after=None, draw=lambda: first_draw)
    second = suggest(window, first, second_time, retry_after=None, draw=lambda: second_draw)
    if window.end > window.start:
        assert first.chosen is not None
        assert window.start <= first.chosen <= window.end
        assert second.chosen == first.chosen
    else:
        assert (first.chosen, second.chosen) == (None, None)


def test_another_window_gets_another_moment() -> None:
    first = suggest(WINDOW, None, day(1), retry_after=None, draw=lambda: 0.1)
    moved = Span(day(40), day(45))
    assert suggest(moved, first, day(2), retry_after=None, draw=lambda: 0.2).chosen == day(41)


@pytest.mark.parametrize("answer", [None, Span(day(60), day(50))], ids=["no answer", "an inverted one"])
def test_without_an_answer_the_one_before_holds_on(answer: Span | None) -> None:
    first = suggest(WINDOW, None, day(1), retry_after=None, draw=lambda: 0.1, explanation_url="https://ca.test/why")
    second = suggest(answer, first, day(2), retry_after=timedelta(minutes=5), draw=lambda: 0.9)
    assert second == replace(first, fetched=day(2), retry_after=day(2) + ASK_AGAIN)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (None, ASK_AGAIN),
        (timedelta(hours=3), timedelta(hours=3)),
        (timedelta(0), timedelta(minutes=1)),
        (timedelta(seconds=-5), timedelta(minutes=1)),
        (timedelta(days=400), ASK_AGAIN_LATEST),
    ],
    ids=["none", "sane", "zero", "negative", "a year"],
)
def test_retry_after_of_renewal_information_is_kept_in_bounds(asked: timedelta | None, kept: timedelta) -> None:
    assert suggest(WINDOW, None, day(1), retry_after=asked, draw=lambda: 0.0).retry_after == day(1) + kept


@pytest.mark.parametrize(
    ("now", "is_due"),
    [(1.1, False), (1.25, True), (31, True), (1, False), (0.99, True), (-29, True)],
    ids=["before", "at retry-after", "30 days ahead", "just now", "clock a little back", "30 days back"],
)
def test_the_ca_is_asked_again_when_it_said_so(now: float, is_due: bool) -> None:
    asked = suggest(WINDOW, None, day(1), retry_after=timedelta(hours=6), draw=lambda: 0.0)
    assert is_question_due(asked, day(now)) is is_due


def test_a_ca_that_was_never_asked_is_asked() -> None:
    assert is_question_due(None, day(0))


def test_jitter_is_stable_and_spread() -> None:
    drawn = [jitter(f"host-{number}", "example.com") for number in range(200)]
    assert drawn == [jitter(f"host-{number}", "example.com") for number in range(200)]
    assert all(0 <= value < 1 for value in drawn)
    assert min(drawn) < 0.1
    assert max(drawn) > 0.9
    assert jitter("host-1", "example.com") != jitter("host-1", "example.org")
    assert SPREAD < 1 / 20
