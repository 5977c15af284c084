"""What becomes of a certificate over its life: issued, rested, renewed, failed, tried elsewhere?"""

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from acme_client.errors import AcmeError, ErrorKind
from acme_client.happening import Event
from acme_client.issuer import RenewalAdvice
from acme_client.outcome import Failed, Renewed, Rested
from acme_client.renewal import Reason, Span
from acme_client.wanted import Wanted
from tests.acme.rig.authority import Authority
from tests.acme.rig.calendar import TODAY
from tests.acme.rig.household import WANTED, Household

ROOT = Path(__file__).parent.parent.parent
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def home(tmp_path: Path) -> Household:
    return Household(tmp_path)


def test_from_nothing_a_certificate_is_issued_and_noted(home: Household, tmp_path: Path) -> None:
    outcome = home.lifecycle.tend(WANTED)
    assert isinstance(outcome, Renewed)
    assert outcome.is_new
    assert 57 * DAY < outcome.until - TODAY < 60 * DAY
    assert home.lifecycle.store.held("example.com") == outcome.leaf
    record = json.loads((tmp_path / "state/example.com.json").read_text())
    assert record["serial"] == outcome.leaf.serial
    assert record["renew_reason"] == "lifetime"
    assert record["names"] == ["example.com", "*.example.com"]
    assert home.events() == [Event.DUE, Event.ISSUED]
    assert list((tmp_path / "locks").iterdir()) == []


def test_what_is_not_due_rests(home: Household) -> None:
    home.lifecycle.tend(WANTED)
    home.calendar.move(days=30)
    outcome = home.lifecycle.tend(WANTED)
    assert isinstance(outcome, Rested)
    assert outcome.reason is Reason.LIFETIME
    assert len(home.authority.orders) == 1


def test_at_two_thirds_it_is_renewed_and_the_ca_is_told_what_it_replaces(home: Household) -> None:
    home.lifecycle.tend(WANTED)
    first = home.lifecycle.records.load("example.com").certificate_id
    home.calendar.move(days=60)
    outcome = home.lifecycle.tend(WANTED)
    assert isinstance(outcome, Renewed)
    assert not outcome.is_new
    assert [order.replaces for order in home.authority.orders] == [None, first]


def test_further_names_make_a_new_one(home: Household) -> None:
    home.lifecycle.tend(WANTED)
    outcome = home.lifecycle.tend(Wanted((*WANTED.names, "www.example.org")))
    assert isinstance(outcome, Renewed)
    assert "www.example.org" in outcome.leaf.names


def test_the_cas_window_is_asked_for_kept_and_followed(home: Household) -> None:
    home.authority.suggestion = RenewalAdvice(Span(TODAY + 10 * DAY, TODAY + 12 * DAY), HOUR, "https://ca.test/why")
    home.lifecycle.tend(WANTED)
    outcome = home.lifecycle.tend(WANTED)
    assert outcome == Rested(TODAY + 11 * DAY, Reason.ARI)
    home.lifecycle.tend(WANTED)
    assert len(home.authority.questions) == 1  # Retry-After has not passed
    home.calendar.move(days=10, hours=12)
    assert home.lifecycle.tend(WANTED) == Rested(TODAY + 11 * DAY, Reason.ARI)
    assert len(home.authority.questions) == 2
    home.calendar.move(hours=12)
    assert isinstance(home.lifecycle.tend(WANTED), Renewed)


def test_a_ca_that_fails_at_its_window_costs_a_warning(home: Household) -> None:
    home.lifecycle.tend(WANTED)

    class Mute(Authority):
        def advice(self, certificate_id: str) -> RenewalAdvice | None:
            raise AcmeError(ErrorKind.CA_UNREACHABLE, f"no answer about {certificate_id}")

    lifecycle = replace(home.lifecycle, issuers={home.authority.directory: Mute()})
    outcome = lifecycle.tend(WANTED)
    assert isinstance(outcome, Rested)
    assert outcome.reason is Reason.LIFETIME
    assert home.events()[-1] is Event.WARNED


def refusal(kind: ErrorKind) -> AcmeError:
    return AcmeError(kind, "it cannot be")


def test_a_failure_is_told_remembered_and_not_repeated_soon(home: Household) -> None:
    home.authority.failures = [refusal(ErrorKind.CA_UNREACHABLE)]
    outcome = home.lifecycle.tend(WANTED)
    assert isinstance(outcome, Failed)
    assert outcome.until == TODAY + timedelta(minutes=10)
    told = home.told[-1]
    assert (told.event, told.kind) == (Event.FAILED, "ca-unreachable")
    assert told.message is not None
    assert "it cannot be. Check the network" in told.message
    for _ in range(5):  # restarts
        assert home.lifecycle.tend(WANTED) == Rested(outcome.until, Reason.BACKOFF)
    assert len(home.authority.orders) == 1
    home.calendar.move(minutes=10)
    assert isinstance(home.lifecycle.tend(WANTED), Renewed)
    assert home.lifecycle.records.load("example.com").last_error is None


def test_a_year_of_failures_is_no_storm(home: Household) -> None:
    home.authority.failures = [refusal(ErrorKind.CA_UNREACHABLE) for _ in range(1000)]
    for _ in range(24 * 7):
        home.lifecycle.tend(WANTED)
        home.calendar.move(hours=1)
    assert len(home.authority.orders) < 20


def test_the_second_ca_takes_over_when_the_first_stays_down_and_stays(tmp_path: Path) -> None:
    first, second = Authority("https://first.test/"), Authority("https://second.test/")
    home = Household(tmp_path, first, second)
    first.failures = [refusal(ErrorKind.CA_UNREACHABLE) for _ in range(9)]
    for _ in range(6):
        outcome = home.lifecycle.tend(WANTED)
        home.calendar.move(minutes=10)
    assert (len(first.orders), len(second.orders)) == (3, 1)
    assert isinstance(outcome, Rested)  # the one of the second CA will do
    assert home.lifecycle.records.load("example.com").directory == "https://second.test/"


def test_after_a_failure_staging_is_tried_first(tmp_path: Path) -> None:
    staging = Authority("https://staging.test/", is_staging=True)
    home = Household(tmp_path, Authority(staging=staging))
    staging.clock = home.calendar
    home.authority.failures = [refusal(ErrorKind.CHALLENGE_FAILED)]
    home.lifecycle.tend(WANTED)
    home.calendar.move(hours=1)
    staging.failures = [refusal(ErrorKind.CHALLENGE_FAILED)]
    outcome = home.lifecycle.tend(WANTED)
    assert isinstance(outcome, Failed)
    assert str(outcome.error) == "Tried with https://staging.test/ first: it cannot be"
    assert (len(home.authority.orders), len(staging.orders)) == (1, 1)
    home.calendar.move(hours=2)
    assert isinstance(home.lifecycle.tend(WANTED), Renewed)
    assert (len(home.authority.orders), len(staging.orders)) == (2, 2)
    assert Event.REHEARSED in home.events()


def test_a_staging_that_is_down_itself_holds_nothing_up(tmp_path: Path) -> None:
    staging = Authority("https://staging.test/", is_staging=True)
    home = Household(tmp_path, Authority(staging=staging))
    home.authority.failures = [refusal(ErrorKind.CHALLENGE_FAILED)]
    staging.failures = [refusal(ErrorKind.CA_UNAVAILABLE)]
    home.lifecycle.tend(WANTED)
    home.calendar.move(hours=1)
    assert isinstance(home.lifecycle.tend(WANTED), Renewed)


def test_from_staging_to_a_ca_that_clients_trust(tmp_path: Path) -> None:
    staging = Authority("https://staging.test/", is_staging=True)
    Household(tmp_path, staging).lifecycle.tend(WANTED)
    home = Household(tmp_path, Authority())
    outcome = home.lifecycle.tend(WANTED)
    assert isinstance(outcome, Renewed)
    assert [happening.reason for happening in home.told if happening.event is Event.DUE] == ["authority"]
    back = Household(tmp_path, staging).lifecycle.tend(WANTED)
    assert isinstance(back, Failed)
    assert "staging CA does not replace it" in str(back.error)


def test_what_cannot_be_kept_is_not_ordered(tmp_path: Path) -> None:
    home = Household(tmp_path)
    (tmp_path / "state").write_text("a file where a folder should be")
    outcome = home.lifecycle.tend(WANTED)
    assert isinstance(outcome, Failed)
    assert outcome.error.kind is ErrorKind.STORE
    assert home.authority.orders == []


def test_somebody_elses_folder_costs_no_order(home: Household, tmp_path: Path) -> None:
    (tmp_path / "live/example.com").mkdir(parents=True)
    assert isinstance(home.lifecycle.tend(WANTED), Failed)
    assert home.authority.orders == []


def test_a_lost_record_makes_no_order(home: Household, tmp_path: Path) -> None:
    home.lifecycle.tend(WANTED)
    (tmp_path / "state/example.com.json").unlink()
    assert isinstance(home.lifecycle.tend(WANTED), Rested)
    assert len(home.authority.orders) == 1


def test_a_certificate_that_was_revoked_is_replaced(home: Household) -> None:
    first = home.lifecycle.tend(WANTED)
    assert isinstance(first, Renewed)
    records = home.lifecycle.records
    records.save(replace(records.load("example.com"), revoked_serial=first.leaf.serial))
    second = home.lifecycle.tend(WANTED)
    assert isinstance(second, Renewed)
    assert isinstance(home.lifecycle.tend(WANTED), Rested)


@pytest.mark.parametrize("days", [30, -30], ids=["ahead", "back"])
def test_a_clock_30_days_off_makes_one_order_at_most(tmp_path: Path, days: int) -> None:
    home = Household(tmp_path, Authority(life=timedelta(days=45)))
    home.lifecycle.tend(WANTED)
    home.authority.clock = lambda: TODAY  # the CA's clock is right
    home.calendar.move(days=days)
    for _ in range(24):
        home.lifecycle.tend(WANTED)
        home.calendar.move(hours=1)
    assert len(home.authority.orders) <= 2
    assert home.lifecycle.store.held("example.com") is not None


def test_attempts_that_are_killed_on_and_on_are_no_storm(home: Household) -> None:
    def be_killed() -> None:
        raise KeyboardInterrupt

    home.authority.before_signing = be_killed
    for _ in range(30):
        try:
            home.lifecycle.tend(WANTED)
        except KeyboardInterrupt:
            home.calendar.move(minutes=1)
    assert len(home.authority.orders) == 3
    home.authority.before_signing = lambda: None
    home.calendar.move(hours=1)
    assert isinstance(home.lifecycle.tend(WANTED), Renewed)


def test_who_lost_the_lock_puts_nothing(home: Household, tmp_path: Path) -> None:
    def be_taken_over() -> None:
        (tmp_path / "locks/example.com.lock").write_text("another's")

    home.authority.before_signing = be_taken_over
    outcome = home.lifecycle.tend(WANTED)
    assert isinstance(outcome, Failed)
    assert outcome.error.kind is ErrorKind.LOCKED
    assert home.lifecycle.store.held("example.com") is None
    assert home.lifecycle.records.load("example.com").setbacks == {}


TEND = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from tests.acme.rig.authority import Authority
from tests.acme.rig.household import WANTED, Household, brief
root = Path(sys.argv[1])
authority = Authority(counter=root / "orders", before_signing=lambda: brief(1))
print("ready", flush=True)
sys.stdin.readline()
outcome = Household(root, authority, clock=lambda: datetime.now(UTC)).lifecycle.tend(WANTED)
print(type(outcome).__name__)
"""


def test_ten_processes_on_one_folder_make_one_order(tmp_path: Path) -> None:
    with ExitStack() as stack:
        command = [sys.executable, "-c", TEND, str(tmp_path)]
        children = [
            stack.enter_context(
                subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            for _ in range(10)
        ]
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        told = sorted(child.communicate(timeout=60)[0].strip() for child in children)
    assert told == ["Renewed", *["Rested"] * 9]
    assert (tmp_path / "orders").read_bytes() == b"o"


def test_a_fault_that_nobody_thought_of_is_a_failure_that_waits_its_time(home: Household) -> None:
    def stumble() -> None:
        raise EOFError("secret")

    home.authority.before_signing = stumble
    outcome = home.lifecycle.tend(WANTED)
    assert isinstance(outcome, Failed)
    assert outcome.until == TODAY + HOUR
    assert "EOFError at test_lifecycle.py:" in str(outcome.error)
    assert "secret" not in str(home.told[-1].message)
    setback = home.lifecycle.records.load("example.com").setbacks[home.authority.directory]
    assert (setback.kind, setback.failures) == (ErrorKind.ORDER_FAILED, 1)
    assert isinstance(home.lifecycle.tend(WANTED), Rested)
    assert len(home.authority.orders) == 1


def test_attempts_cut_off_in_the_future_hold_nothing_up(home: Household) -> None:
    cut_off = replace(home.lifecycle.records.load("example.com"), cut_off=3, last_attempt=TODAY + 365 * DAY)
    home.lifecycle.records.save(cut_off)
    assert isinstance(home.lifecycle.tend(WANTED), Renewed)


def test_a_window_that_is_always_over_costs_one_order_a_day(home: Household) -> None:
    home.authority.suggestion = RenewalAdvice(Span(TODAY - 9 * DAY, TODAY - 8 * DAY), None, None)
    for _ in range(24):
        home.lifecycle.tend(WANTED)
        home.calendar.move(hours=1)
    assert len(home.authority.orders) == 1
    home.lifecycle.tend(WANTED)
    assert len(home.authority.orders) == 2


def mended(home: Household, fingerprint: str) -> Household:
    """The same folder at the same time, with other settings: a start after somebody has mended something."""
    after = Household(home.lifecycle.store.root, *home.authorities, fingerprint=fingerprint)
    after.calendar.now = home.calendar.now
    return after


def test_what_was_mended_is_tried_at_once_and_what_was_not_waits(home: Household) -> None:
    home.authority.failures = [refusal(ErrorKind.DNS_CREDENTIALS), refusal(ErrorKind.DNS_CREDENTIALS)]
    home.lifecycle.tend(WANTED)
    assert home.lifecycle.tend(WANTED) == Rested(TODAY + HOUR, Reason.BACKOFF)
    assert isinstance(mended(home, "as set").lifecycle.tend(WANTED), Rested)
    badly = mended(home, "mended badly").lifecycle
    assert isinstance(badly.tend(WANTED), Failed)
    assert isinstance(badly.tend(WANTED), Rested)
    assert isinstance(mended(home, "mended").lifecycle.tend(WANTED), Renewed)


def test_other_names_are_tried_at_once(home: Household) -> None:
    home.authority.failures = [refusal(ErrorKind.IDENTIFIER_REJECTED)]
    home.lifecycle.tend(Wanted((*WANTED.names, "blocked.org")))
    assert isinstance(home.lifecycle.tend(WANTED), Renewed)


def test_a_limit_of_the_ca_holds_whatever_is_set(home: Household) -> None:
    home.authority.failures = [AcmeError(ErrorKind.RATE_LIMITED, "too many", retry_after=34 * HOUR)]
    home.lifecycle.tend(WANTED)
    assert mended(home, "mended").lifecycle.tend(WANTED) == Rested(TODAY + 34 * HOUR, Reason.BACKOFF)
    assert len(home.authority.orders) == 1


def test_two_programs_that_take_turns_with_different_settings_are_no_storm(home: Household) -> None:
    home.authority.failures = [refusal(ErrorKind.CHALLENGE_FAILED) for _ in range(1000)]
    for _ in range(6 * 24):
        for each in ("one", "other"):
            mended(home, each).lifecycle.tend(WANTED)
        home.calendar.move(minutes=10)
    assert len(home.authority.orders) < 30


def test_a_fault_before_any_order_waits_longer_each_time(home: Household, tmp_path: Path) -> None:
    """A folder that cannot be written: nothing can be noted, and it is not tried on and on all the same."""
    (tmp_path / "state").write_text("a file where a folder should be")
    tried = 0
    for _ in range(24 * 60):
        tried += isinstance(home.lifecycle.tend(WANTED), Failed)
        home.calendar.move(minutes=1)
    assert tried < 10
    assert home.authority.orders == []
    (tmp_path / "state").unlink()
    assert isinstance(home.lifecycle.tend(WANTED), Rested)
    home.lifecycle.stumbles.forget_all()
    assert isinstance(home.lifecycle.tend(WANTED), Renewed)


def test_a_fault_before_any_order_is_noted_and_made_good_by_a_look_that_goes_well(
    home: Household, tmp_path: Path
) -> None:
    home.lifecycle.tend(WANTED)
    live = tmp_path / "live/example.com"
    live.rename(tmp_path / "live/aside")
    live.symlink_to("example.com")  # a link to itself cannot be read
    outcome = home.lifecycle.tend(WANTED)
    assert isinstance(outcome, Failed)
    assert home.lifecycle.tend(WANTED) == Rested(outcome.until, Reason.BACKOFF)
    record = home.lifecycle.records.load("example.com")
    assert (record.failures, record.last_error is None) == (1, False)
    live.unlink()
    (tmp_path / "live/aside").rename(live)
    home.calendar.move(minutes=10)
    rested = home.lifecycle.tend(WANTED)
    assert isinstance(rested, Rested)
    assert rested.reason is Reason.LIFETIME
    record = home.lifecycle.records.load("example.com")
    assert (record.last_error, record.setbacks, record.renew_reason) == (None, {}, Reason.LIFETIME)
    assert len(home.authority.orders) == 1


@pytest.mark.parametrize(("minutes", "waits"), [(4, [240.0]), (-60, []), (0, [])], ids=["ahead", "as CAs do it", "now"])
def test_a_certificate_goes_live_once_it_has_begun(home: Household, minutes: int, waits: list[float]) -> None:
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        home.calendar.move(seconds=seconds)

    home.authority.clock = lambda: home.calendar() + timedelta(minutes=minutes)
    lifecycle = replace(home.lifecycle, locks=replace(home.lifecycle.locks, wait=wait))
    outcome = lifecycle.tend(WANTED)
    assert isinstance(outcome, Renewed)
    assert waited == waits
    assert outcome.leaf.not_before <= home.calendar()


def test_a_failure_that_cannot_be_noted_is_told_with_that(home: Household, tmp_path: Path) -> None:
    """As on a disk that fills up while the CA is asked."""

    def fill() -> None:
        (tmp_path / "state").rename(tmp_path / "aside")
        (tmp_path / "state").write_text("a file where a folder should be")

    home.authority.before_signing = fill
    home.authority.failures = [refusal(ErrorKind.CHALLENGE_FAILED)]
    outcome = home.lifecycle.tend(WANTED)
    assert isinstance(outcome, Failed)
    assert outcome.error.kind is ErrorKind.STORE
    assert str(outcome.error).startswith("it cannot be. That could not be noted either: ")
    for _ in range(60):
        home.lifecycle.tend(WANTED)
        home.calendar.move(minutes=1)
    assert len(home.authority.orders) == 1


def test_where_the_next_ca_has_its_turn_nobody_waits(tmp_path: Path) -> None:
    first, second = Authority("https://first.test/"), Authority("https://second.test/")
    home = Household(tmp_path, first, second)
    first.failures = [AcmeError(ErrorKind.RATE_LIMITED, "too many", retry_after=34 * HOUR)]
    outcome = home.lifecycle.tend(WANTED)
    assert isinstance(outcome, Failed)
    assert outcome.until == TODAY
    assert home.lifecycle.records.load("example.com").renew_at == TODAY
    assert isinstance(home.lifecycle.tend(WANTED), Renewed)


def test_a_certificate_of_the_far_future_is_not_waited_for(home: Household) -> None:
    home.authority.clock = lambda: home.calendar() + HOUR
    outcome = home.lifecycle.tend(WANTED)
    assert isinstance(outcome, Failed)
    assert "is the clock right?" in str(outcome.error)


def test_a_record_that_names_our_account_does_not_fail_for_the_stagings_sake(tmp_path: Path) -> None:
    staging = Authority("https://staging.test/", is_staging=True)
    home = Household(tmp_path, Authority(staging=staging))
    home.authority.failures = [refusal(ErrorKind.CHALLENGE_FAILED)]
    staging.failures = [refusal(ErrorKind.CAA)]
    home.lifecycle.tend(WANTED)
    home.calendar.move(hours=1)
    assert isinstance(home.lifecycle.tend(WANTED), Renewed)


def test_two_programs_with_other_profiles_on_one_folder_do_not_take_turns_for_ever(tmp_path: Path) -> None:
    home = Household(tmp_path)
    theirs = replace(home.lifecycle, profile="shortlived")
    for _ in range(6 * 24 * 7):
        for lifecycle in (home.lifecycle, theirs):
            lifecycle.tend(WANTED)
            home.calendar.move(minutes=5)
    assert 4 < len(home.authority.orders) < 20


def test_files_that_are_removed_again_and_again_are_not_ordered_at_each_look(tmp_path: Path) -> None:
    home = Household(tmp_path)
    for _ in range(6 * 24):
        home.lifecycle.tend(WANTED)
        home.lifecycle.store.live(WANTED.name).unlink(missing_ok=True)
        home.calendar.move(minutes=10)
    assert 3 < len(home.authority.orders) < 10
