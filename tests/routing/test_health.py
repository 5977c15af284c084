"""Laws of the health table."""

from dataclasses import replace

import pytest

from mesh_gateway.routing.health import HealthRow, HealthTable, down_seconds
from mesh_gateway.routing.routes import Route, Scheme

ROUTE = Route("203.0.113.5", 443, Scheme.HTTPS, "agent", 1)
OTHERS = {
    "another tenant": ("bob", ROUTE),
    "another address": ("alice", replace(ROUTE, ip="203.0.113.6")),
    "another port": ("alice", replace(ROUTE, port=8443)),
    "another scheme": ("alice", replace(ROUTE, scheme=Scheme.HTTP)),
}


def test_a_route_nobody_spoke_of_is_up() -> None:
    assert HealthTable().is_up("alice", ROUTE, 0)


def test_a_failed_route_steps_back_and_returns_when_its_time_is_over() -> None:
    table = HealthTable()
    table.failed("alice", ROUTE, 100)
    assert not table.is_up("alice", ROUTE, 101.9)
    assert table.is_up("alice", ROUTE, 102)


def test_the_table_is_clean_until_a_failure_and_after_a_success() -> None:
    table = HealthTable()
    seen = [table.is_clean]
    table.failed("alice", ROUTE, 0)
    seen.append(table.is_clean)
    table.succeeded("alice", ROUTE)
    assert [*seen, table.is_clean] == [True, False, True]


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_failure_is_held_against_nobody_else(other: tuple[str, Route]) -> None:
    table = HealthTable()
    table.failed("alice", ROUTE, 0)
    assert table.is_up(*other, 0)


def test_source_and_priority_do_not_make_another_route() -> None:
    table = HealthTable()
    table.failed("alice", ROUTE, 0)
    assert not table.is_up("alice", replace(ROUTE, source="other", priority=7), 0)


def test_the_down_time_doubles_up_to_a_minute() -> None:
    assert [down_seconds(n) for n in range(1, 8)] == [2, 4, 8, 16, 32, 60, 60]
    assert down_seconds(100_000) == 60


def test_each_outage_in_a_row_lasts_twice_as_long() -> None:
    table = HealthTable()
    table.failed("alice", ROUTE, 0)
    table.failed("alice", ROUTE, 10)
    assert not table.is_up("alice", ROUTE, 13.9)
    assert table.is_up("alice", ROUTE, 14)


def test_requests_that_fail_together_are_one_outage() -> None:
    table = HealthTable()
    for _ in range(50):
        table.failed("alice", ROUTE, 0)
    assert table.is_up("alice", ROUTE, 2)
    assert table.rows(0)[0].failures == 1


def test_a_success_forgets_what_was_before() -> None:
    table = HealthTable()
    table.succeeded("alice", ROUTE)
    table.failed("alice", ROUTE, 0)
    table.failed("alice", ROUTE, 10)
    table.succeeded("alice", ROUTE)
    assert table.is_up("alice", ROUTE, 10)
    assert table.rows(10) == ()
    table.failed("alice", ROUTE, 20)
    assert table.is_up("alice", ROUTE, 22)


def test_a_good_check_brings_a_route_back_at_once() -> None:
    table = HealthTable()
    table.failed("alice", ROUTE, 0)
    table.probed("alice", ROUTE, healthy=True, now=1)
    assert table.is_up("alice", ROUTE, 1)


def test_each_bad_check_counts_even_while_the_route_is_down() -> None:
    table = HealthTable()
    table.probed("alice", ROUTE, healthy=False, now=0)
    table.probed("alice", ROUTE, healthy=False, now=1)
    assert not table.is_up("alice", ROUTE, 4.9)
    assert table.is_up("alice", ROUTE, 5)


def test_rows_tell_the_latest_failure_first() -> None:
    table = HealthTable()
    table.failed("alice", ROUTE, 0)
    table.failed("bob", replace(ROUTE, ip="2001:db8::1"), 1)
    assert table.rows(2.5) == (
        HealthRow("bob", Scheme.HTTPS, "2001:db8::1", 443, failures=1, up=False, down_seconds=0.5),
        HealthRow("alice", Scheme.HTTPS, "203.0.113.5", 443, failures=1, up=True, down_seconds=0),
    )


def test_the_table_is_bounded_and_forgets_the_least_recently_failed() -> None:
    table = HealthTable(capacity=2)
    table.failed("alice", ROUTE, 0)
    table.failed("bob", ROUTE, 0)
    table.failed("alice", ROUTE, 2)
    table.failed("carol", ROUTE, 2)
    assert [row.tenant for row in table.rows(2)] == ["carol", "alice"]
    assert table.is_up("bob", ROUTE, 0)
