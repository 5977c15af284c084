"""Which certificates should there be, and which tenants' turn is it?"""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acme_client.allowance import MOST_WISHES, WEEK, Ledger, admitted, note, order_made
from acme_client.settings import SettingsError, read_settings
from acme_client.wanted import Wanted, wanted_from
from tests.acme.rig.calendar import TODAY

NOBODY: frozenset[str] = frozenset()


def wanted(*tenants: str, **variables: str) -> list[tuple[str, tuple[str, ...]]]:
    settings = read_settings({"SERVER_DOMAIN": "example.com", **variables})
    return [(each.name, each.names) for each in wanted_from(settings, tenants)]


@pytest.mark.parametrize(
    ("domains", "tenants", "expected"),
    [
        ("", (), []),
        ("a.org,*.a.org", (), [("a.org", ("a.org", "*.a.org"))]),
        ("*.a.org;b.net", (), [("a.org", ("*.a.org",)), ("b.net", ("b.net",))]),
        ("", ("alice",), [("alice.example.com", ("*.alice.example.com",))]),
        ("*.alice.example.com,alice.org", ("alice",), [("alice.example.com", ("*.alice.example.com", "alice.org"))]),
    ],
    ids=["the domain alone", "a group", "two groups", "a tenant", "a tenant that a group covers"],
)
def test_wanted(domains: str, tenants: tuple[str, ...], expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert wanted(*tenants, SSL_DOMAINS=domains) == [
        ("example.com", ("example.com", "*.example.com")),
        *expected,
    ]


@pytest.mark.parametrize("domains", ["example.com,a.org", "a.org;*.a.org"], ids=["the domain again", "two groups"])
def test_two_of_one_name_are_refused(domains: str) -> None:
    with pytest.raises(SettingsError, match="SSL_DOMAINS holds a second certificate that begins with"):
        wanted(SSL_DOMAINS=domains)


def test_a_tenants_certificate_knows_its_tenant() -> None:
    settings = read_settings({"SERVER_DOMAIN": "example.com"})
    assert wanted_from(settings, ("alice",))[-1] == Wanted(("*.alice.example.com",), "alice")


def ledger_of(*wishes: str) -> Ledger:
    """Each wish a minute after the one before."""
    ledger = Ledger()
    for number in range(len(wishes)):
        ledger = note(ledger, wishes[: number + 1], TODAY + timedelta(minutes=number))
    return ledger


def test_the_oldest_wishes_come_first_and_the_rest_waits() -> None:
    ledger = ledger_of("zoe", "bob", "alice")
    assert admitted(ledger, NOBODY, 2, TODAY) == ("zoe", "bob")


def test_who_has_one_may_renew_it_whatever_the_limit() -> None:
    ledger = order_made(ledger_of("zoe", "bob", "alice"), TODAY)
    assert admitted(ledger, frozenset({"alice"}), 1, TODAY) == ("alice",)


def test_a_week_later_there_is_room_again() -> None:
    ledger = order_made(ledger_of("zoe"), TODAY)
    assert admitted(ledger, NOBODY, 1, TODAY + WEEK - timedelta(seconds=1)) == ()
    assert admitted(ledger, NOBODY, 1, TODAY + WEEK) == ("zoe",)


def test_a_wish_that_is_withdrawn_loses_its_place() -> None:
    ledger = note(ledger_of("zoe", "bob"), ["bob"], TODAY + WEEK)
    ledger = note(ledger, ["bob", "zoe"], TODAY + 2 * WEEK)
    assert admitted(ledger, NOBODY, 1, TODAY + 2 * WEEK) == ("bob",)


def test_wishes_are_bounded() -> None:
    wishes = [f"t{number}" for number in range(MOST_WISHES + 5)]
    assert len(note(Ledger(), wishes, TODAY).wished) == MOST_WISHES


def test_orders_of_a_clock_that_ran_far_ahead_are_forgotten() -> None:
    ledger = order_made(ledger_of("zoe"), TODAY + timedelta(days=30))
    assert admitted(ledger, NOBODY, 1, TODAY) == ("zoe",)


@given(st.lists(st.timedeltas(timedelta(0), timedelta(days=3)), max_size=60), st.integers(1, 5))
def test_no_seven_days_see_more_orders_than_the_limit(pauses: list[timedelta], limit: int) -> None:
    now, ledger, orders = TODAY, ledger_of(*(f"t{number}" for number in range(20))), []
    holders: set[str] = set()
    for each in pauses:
        now += each
        for tenant in admitted(ledger, frozenset(holders), limit, now):
            if tenant not in holders:
                holders.add(tenant)
                orders.append(now)
                ledger = order_made(ledger, now)
    for moment in orders:
        assert sum(moment - WEEK < other <= moment for other in orders) <= limit
