import pytest

from mesh_gateway.resolve.breaker import LONGEST_PAUSE, TENANTS, THRESHOLD, Breaker, Pass
from tests.resolve.stand_ins import dice


def enter(breaker: Breaker, now: float) -> Pass:
    leave = breaker.enter(now)
    assert leave
    return leave


@pytest.fixture
def opened() -> Breaker:
    """A breaker that opened at 0."""
    breaker = Breaker(dice())
    opened = [breaker.fail(enter(breaker, 0), f"t{number}", 0) for number in range(THRESHOLD)]
    assert opened == [False] * (THRESHOLD - 1) + [True]
    return breaker


def test_failures_that_are_not_in_a_row_do_not_open() -> None:
    breaker = Breaker(dice())
    for number in range(20):
        breaker.fail(enter(breaker, 0), f"t{number}", 0)
        breaker.succeed()
    assert not breaker.is_open(0)


@pytest.mark.parametrize(("tenants", "opens"), [(1, False), (TENANTS - 1, False), (TENANTS, True)])
def test_an_api_that_fails_for_a_few_tenants_only_is_still_asked_for_the_others(tenants: int, opens: bool) -> None:
    breaker = Breaker(dice())
    for number in range(20):
        if leave := breaker.enter(0):
            breaker.fail(leave, f"t{number % tenants}", 0)
    assert breaker.is_open(0) == opens


def test_open_lets_nothing_through(opened: Breaker) -> None:
    assert opened.enter(0.7) is None


def test_half_open_lets_one_through_and_its_success_closes(opened: Breaker) -> None:
    assert enter(opened, 1.3).is_probe
    assert opened.enter(1.3) is None
    opened.succeed()
    assert not enter(opened, 1.3).is_probe


def test_each_failed_probe_doubles_the_pause_up_to_the_longest(opened: Breaker) -> None:
    now, pauses = 0.0, []
    for _ in range(5):
        start = now
        while opened.is_open(now):
            now += 0.01
        pauses.append(now - start)
        assert opened.fail(enter(opened, now), "t0", now)
    for pause, expected in zip(pauses, [1, 2, 4, LONGEST_PAUSE, LONGEST_PAUSE], strict=True):
        assert pause == pytest.approx(expected, rel=0.22)


def test_calls_that_were_under_way_when_it_opened_do_not_count(opened: Breaker) -> None:
    assert not opened.fail(Pass(is_probe=False), "t9", 0.5)
    assert not opened.is_open(1.3)


def test_a_probe_given_up_leaves_the_place_to_another(opened: Breaker) -> None:
    opened.abandon(enter(opened, 1.3))
    assert enter(opened, 1.3).is_probe
