"""Does `status` say how a certificate stands, when it is renewed and what went wrong?"""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from acme_client.errors import AcmeError, ErrorKind
from acme_client.record import Record
from acme_client.status import Standing, State, as_json, as_table
from acme_client.wanted import Wanted
from tests.acme.rig.calendar import TODAY
from tests.acme.rig.household import WANTED, Household


def standing(home: Household, wanted: Wanted = WANTED) -> Standing:
    lifecycle = home.lifecycle
    return Standing(wanted, lifecycle.store.held(wanted.name), lifecycle.records.load(wanted.name))


def test_a_live_certificate(tmp_path: Path) -> None:
    home = Household(tmp_path)
    home.lifecycle.tend(WANTED)
    stand = standing(home)
    assert stand.leaf is not None
    assert as_table([stand], TODAY).splitlines() == [
        "example.com: valid",
        "  wanted for    example.com, *.example.com",
        "  issued for    example.com, *.example.com",
        "  issuer        Root of https://ca.test/directory",
        f"  serial        {stand.leaf.serial}",
        "  valid         2026-03-01 12:00 UTC to 2026-05-30 12:00 UTC (in 90 days)",
        "  next attempt  2026-04-28 03:22 UTC (in 58 days; lifetime)",
    ]


def test_none_yet_after_a_failure(tmp_path: Path) -> None:
    home = Household(tmp_path)
    home.authority.failures = [AcmeError(ErrorKind.DNS_CREDENTIALS, "The key was refused\nby ns1.")]
    home.lifecycle.tend(WANTED)
    assert as_table([standing(home)], TODAY + timedelta(minutes=90)).splitlines() == [
        "example.com: missing",
        "  wanted for    example.com, *.example.com",
        "  next attempt  2026-03-01 13:00 UTC (0.5 hours ago; backoff)",
        "  last error    2026-03-01 12:00 UTC dns-credentials: The key was refused by ns1.",
        "  failures      1 in a row",
    ]


def test_nothing_was_tried_yet() -> None:
    assert as_table([Standing(WANTED, None, Record("example.com"))], TODAY).endswith("next attempt  at the next look")


def test_json_has_what_the_table_has(tmp_path: Path) -> None:
    home = Household(tmp_path)
    home.lifecycle.tend(WANTED)
    content = json.loads(as_json([standing(home)], TODAY))
    (certificate,) = content["certificates"]
    assert content["now"] == "2026-03-01T12:00:00Z"
    assert (certificate["state"], certificate["not_after"]) == ("valid", "2026-05-30T12:00:00Z")
    assert certificate["wanted"] == certificate["names"] == ["example.com", "*.example.com"]
    assert (certificate["renew_reason"], certificate["last_error"]) == ("lifetime", None)
    assert certificate["is_well"] is True


def test_a_revoked_one_says_so(tmp_path: Path) -> None:
    home = Household(tmp_path)
    home.lifecycle.tend(WANTED)
    stand = standing(home)
    revoked = replace(stand, record=replace(stand.record, revoked_serial=stand.record.serial))
    assert revoked.state(TODAY) is State.REVOKED


@pytest.mark.parametrize(
    ("days", "names", "state"),
    [
        (0, WANTED.names, State.VALID),
        (85, WANTED.names, State.VALID),
        (86, WANTED.names, State.ENDS_SOON),
        (90, WANTED.names, State.EXPIRED),
        (0, (*WANTED.names, "a.org"), State.NAMES_DIFFER),
    ],
)
def test_state(tmp_path: Path, days: int, names: tuple[str, ...], state: State) -> None:
    home = Household(tmp_path)
    home.lifecycle.tend(WANTED)
    stand = replace(standing(home), wanted=Wanted(names))
    assert stand.state(TODAY + timedelta(days=days)) is state


@pytest.mark.parametrize(("days", "is_well"), [(0, True), (85, True), (86, False), (90, False)])
def test_one_that_should_have_been_renewed_long_ago_is_not_well(tmp_path: Path, days: int, *, is_well: bool) -> None:
    home = Household(tmp_path)
    home.lifecycle.tend(WANTED)
    assert standing(home).is_well(TODAY + timedelta(days=days)) is is_well


def test_one_whose_renewal_fails_is_not_well_though_it_serves(tmp_path: Path) -> None:
    home = Household(tmp_path)
    home.lifecycle.tend(WANTED)
    home.calendar.now += timedelta(days=70)
    home.authority.failures = [AcmeError(ErrorKind.CA_UNREACHABLE, "gone")]
    home.lifecycle.tend(WANTED)
    stand = standing(home)
    assert (stand.state(home.calendar()), stand.is_well(home.calendar())) == (State.VALID, False)


def test_a_tenants_first_one_waits_its_turn_and_that_is_no_fault() -> None:
    wish = Wanted(("*.alice.example.com",), "alice")
    queued = Standing(wish, None, Record("alice.example.com"))
    assert (queued.state(TODAY), queued.is_well(TODAY)) == (State.QUEUED, True)
    tried = Standing(wish, None, Record("alice.example.com", last_attempt=TODAY))
    assert (tried.state(TODAY), tried.is_well(TODAY)) == (State.MISSING, False)
