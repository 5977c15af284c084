"""Does one round look after all, tenants in their turn, and does no failure keep the others waiting?"""

import time
from datetime import timedelta
from pathlib import Path

import pytest

from acme_client.errors import AcmeError, ErrorKind
from acme_client.happening import Event
from acme_client.lock import Locks
from acme_client.outcome import Failed, Renewed, Rested
from acme_client.rounds import Rounds
from acme_client.settings import read_settings
from acme_client.tenants import ResolutionApi, Tenants
from tests.acme.rig.calendar import TODAY
from tests.acme.rig.household import Household, brief
from tests.acme.test_tenants import ROUTES, api


@pytest.fixture
def home(tmp_path: Path) -> Household:
    return Household(tmp_path)


def rounds(home: Household, tenants: Tenants | None = None, *, left: int = 0) -> Rounds:
    settings = read_settings({"SERVER_DOMAIN": "example.com", "SSL_DOMAINS": "a.org;b.org"})
    return Rounds(settings, home.lifecycle, tenants, lambda: left)


def test_every_certificate_is_tended_though_one_fails(home: Household) -> None:
    home.authority.failures = [AcmeError(ErrorKind.CAA, "no")]
    outcomes = rounds(home).go()
    assert {name: type(outcome) for name, outcome in outcomes.items()} == {
        "example.com": Failed,
        "a.org": Renewed,
        "b.org": Renewed,
    }


def test_what_runs_before_left_is_swept_and_told(home: Household) -> None:
    rounds(home, left=2).go()
    assert home.told[0].event is Event.WARNED
    assert home.told[0].message == "2 TXT records of runs before could not be removed yet"


def test_tenants_get_theirs_in_their_turn_and_keep_them(home: Household, tmp_path: Path) -> None:
    answers = {f"/router/resolve/v2/{tenant}": (200, ROUTES) for tenant in ("alice", "bob")}
    with api(answers) as (url, _):
        tenants = Tenants(
            folder=tmp_path / "tenants",
            listed=("alice", "bob"),
            limit_per_week=1,
            api=ResolutionApi(url),
            locks=Locks(tmp_path / "locks", brief, time.monotonic),
            clock=home.calendar,
            tell=home.told.append,
        )
        first = rounds(home, tenants).go()
        second = rounds(home, tenants).go()
        home.calendar.move(days=7)
        third = rounds(home, tenants).go()
    assert isinstance(first["alice.example.com"], Renewed)
    assert isinstance(second["alice.example.com"], Rested)
    assert ("bob.example.com" in first, "bob.example.com" in second) == (False, False)
    assert isinstance(third["bob.example.com"], Renewed)


def test_a_ledger_that_cannot_be_kept_costs_the_tenants_alone(home: Household, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    locks = Locks(tmp_path / "locks", brief, time.monotonic)
    api_nobody_asks = ResolutionApi("http://unused.test")
    tenants = Tenants(blocked, ("alice",), 1, api_nobody_asks, locks, home.calendar, home.told.append)
    assert set(rounds(home, tenants).go()) == {"example.com", "a.org", "b.org"}
    assert home.told[-1].kind is ErrorKind.STORE


def test_a_sweep_that_breaks_keeps_nobody_waiting(home: Household) -> None:
    def broken() -> int:
        raise IsADirectoryError

    settings = read_settings({"SERVER_DOMAIN": "example.com"})
    outcomes = Rounds(settings, home.lifecycle, None, broken).go()
    assert isinstance(outcomes["example.com"], Renewed)
    assert home.told[0].event is Event.WARNED
    assert "IsADirectoryError" in str(home.told[0].message)


def test_the_domain_has_its_certificate_before_tenants_are_asked_for(home: Household, tmp_path: Path) -> None:
    with api({"/router/resolve/v2/alice": (404, b"{}")}) as (url, _):
        locks = Locks(tmp_path / "locks", brief, time.monotonic)
        tenants = Tenants(tmp_path / "t", ("alice",), 1, ResolutionApi(url), locks, home.calendar, home.told.append)
        rounds(home, tenants).go()
    events = home.events()
    assert events.index(Event.ISSUED) < events.index(Event.REFUSED)


def test_a_tenant_whose_order_fails_lets_the_next_one_by(home: Household, tmp_path: Path) -> None:
    answers = {f"/router/resolve/v2/{tenant}": (200, ROUTES) for tenant in ("alice", "bob")}
    with api(answers) as (url, _):
        locks = Locks(tmp_path / "locks", brief, time.monotonic)
        tenants = Tenants(
            tmp_path / "t", ("alice", "bob"), 1, ResolutionApi(url), locks, home.calendar, home.told.append
        )
        settings = read_settings({"SERVER_DOMAIN": "example.com"})
        own = Rounds(settings, home.lifecycle, None, lambda: 0).go()
        home.authority.failures = [AcmeError(ErrorKind.CAA, "no")]
        home.calendar.move(minutes=10)
        first = Rounds(settings, home.lifecycle, tenants, lambda: 0).go()
        home.calendar.move(minutes=10)
        second = Rounds(settings, home.lifecycle, tenants, lambda: 0).go()
    assert isinstance(own["example.com"], Renewed)
    assert isinstance(first["alice.example.com"], Failed)
    assert isinstance(second["bob.example.com"], Renewed)


def test_at_a_start_it_is_said_of_each_why_it_waits_and_then_no_more(home: Household) -> None:
    home.authority.failures = [AcmeError(ErrorKind.CAA, "only other.example may.")]
    rounds(home).go()
    home.told.clear()
    rounds(home).go(is_asked_for=True)
    (told,) = [each for each in home.told if each.event is Event.WAITING]
    assert (told.name, told.until) == ("example.com", TODAY + timedelta(hours=1))
    assert told.message == "only other.example may; try now with: scripts/acme forget-failures example.com"
    home.told.clear()
    rounds(home).go()
    assert home.told == []


def test_who_asks_for_a_look_gets_one_after_a_fault_that_was_never_noted(home: Household, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    assert isinstance(rounds(home).go()["example.com"], Failed)
    (tmp_path / "state").unlink()
    assert isinstance(rounds(home).go()["example.com"], Rested)
    assert isinstance(rounds(home).go(is_asked_for=True)["example.com"], Renewed)
