"""What serves while files come, change and go?"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from mesh_gateway.proxy.certificates import shelf as shelf_module
from mesh_gateway.proxy.certificates.pair import stamp
from mesh_gateway.proxy.certificates.places import find_places
from tests.proxy.certificates.bench import Bench, serial_of
from tests.rig.pairs import SPOILED, Spoil, issue, write


def test_what_is_loaded_is_counted_and_its_first_end_known(ca: trustme.CA, tmp_path: Path) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    issue(ca, tmp_path / "long", "long.example.com")
    issue(ca, tmp_path / "short", "short.example.com", not_after=soon)
    found = Bench(tmp_path).look()
    assert (len(found.table), found.successes, found.table.first_not_after) == (2, 2, soon)


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    found = Bench(tmp_path / "missing").look()
    assert (len(found.table), found.failures, found.table.first_not_after) == (0, 0, None)
    assert found.table.select("alice.example.com") is None


def test_a_folder_that_cannot_be_read_is_told_once_and_takes_nothing_away(
    ca: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root, aside = tmp_path / "root", tmp_path / "aside"
    issue(ca, root / "main", "example.com")
    bench = Bench(root)
    bench.look()
    root.rename(aside)
    root.symlink_to(root)  # a loop of links: an error even for root, who may read everything
    assert len(bench.look().table) == 1
    assert bench.look().failures == 0
    assert caplog.text.count("cannot be looked for") == 1
    root.unlink()
    aside.rename(root)
    assert len(bench.look().table) == 1


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_what_cannot_serve_at_the_start_is_left_out_and_the_others_serve(
    ca: trustme.CA, tmp_path: Path, spoil: Spoil, caplog: pytest.LogCaptureFixture
) -> None:
    issue(ca, tmp_path / "good", "good.org")
    spoil(ca, issue(ca, tmp_path / "bad", "example.com"))
    found = Bench(tmp_path).look()
    assert (len(found.table), found.failures, found.refused) == (1, 1, ("bad",))
    assert found.table.select("example.com") is None
    assert found.table.select("good.org")
    (record,) = caplog.records
    assert record.getMessage().startswith("certificate bad does not serve: ")
    assert "\n" not in record.getMessage()


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_the_certificate_from_before_serves_on_over_a_bad_one(
    ca: trustme.CA, tmp_path: Path, spoil: Spoil, caplog: pytest.LogCaptureFixture
) -> None:
    folder = issue(ca, tmp_path / "main", "example.com")
    bench = Bench(tmp_path)
    before = bench.look().table.covering("example.com")
    spoil(ca, folder)
    spoiled = bench.look_twice()
    assert spoiled.table.covering("example.com") is before
    assert (spoiled.failures, spoiled.refused) == (1, ("main",))
    assert "the one from before goes on" in caplog.text
    again = bench.look_twice()
    assert (again.failures, again.refused) == (0, ("main",))
    issue(ca, folder, "example.com")
    mended = bench.look_twice()
    assert (mended.successes, mended.refused) == (1, ())
    assert mended.table.covering("example.com") is not before


def test_a_pair_that_is_half_written_for_a_moment_is_no_fault(
    ca: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = issue(ca, tmp_path / "main", "example.com")
    bench = Bench(tmp_path)
    before = serial_of(bench.look().table, "example.com")
    leaf = ca.issue_cert("example.com")
    (folder / "fullchain.pem").write_bytes(leaf.cert_chain_pems[0].bytes())
    between = bench.look()
    assert (between.failures, between.unsettled, serial_of(between.table, "example.com")) == (0, True, before)
    (folder / "privkey.pem").write_bytes(leaf.private_key_pem.bytes())
    after = bench.look()
    assert (after.successes, after.failures, after.unsettled) == (1, 0, False)
    assert serial_of(after.table, "example.com") != before
    assert not caplog.records


def test_a_certificate_for_quite_other_names_takes_no_ones_place_unless_asked(ca: trustme.CA, tmp_path: Path) -> None:
    folder = issue(ca, tmp_path / "main", "example.com")
    bench = Bench(tmp_path)
    bench.look()
    issue(ca, folder, "other.org")
    found = bench.look_twice()
    assert found.table.covering("example.com")
    assert found.table.covering("other.org") is None
    asked = bench.look(anew=True)
    assert asked.table.covering("other.org")


def test_a_name_that_a_new_certificate_lacks_is_told(
    ca: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = issue(ca, tmp_path / "main", "example.com", "www.example.com")
    bench = Bench(tmp_path)
    bench.look()
    issue(ca, folder, "example.com")
    assert bench.look_twice().successes == 1
    assert "certificate main no longer covers www.example.com" in caplog.text


def test_what_did_not_change_keeps_its_contexts(ca: trustme.CA, tmp_path: Path) -> None:
    issue(ca, tmp_path / "one", "one.org")
    folder = issue(ca, tmp_path / "two", "two.org")
    bench = Bench(tmp_path)
    first = bench.look().table
    assert not bench.look().changed
    issue(ca, folder, "two.org")
    second = bench.look_twice()
    assert second.changed
    assert second.table.covering("one.org") is first.covering("one.org")
    assert second.table.covering("two.org") is not first.covering("two.org")


def test_a_change_within_one_tick_of_the_file_systems_clock_is_seen(ca: trustme.CA, tmp_path: Path) -> None:
    folder = issue(ca, tmp_path / "main", "example.com")
    bench = Bench(tmp_path)
    before = serial_of(bench.look().table, "example.com")
    (slot,) = bench.shelf._slots.values()
    assert not slot.settled
    issue(ca, folder, "example.com")
    (place,) = find_places(tmp_path)
    slot.seen = stamp(place)  # as if all stamps were the same
    assert serial_of(bench.look().table, "example.com") != before


def test_what_has_gone_serves_on_for_a_while(ca: trustme.CA, tmp_path: Path) -> None:
    folder = issue(ca, tmp_path / "main", "example.com")
    bench = Bench(tmp_path)
    bench.look()
    folder.rename(tmp_path.parent / "gone")
    assert len(bench.look().table) == 1
    bench.seconds += shelf_module.GONE_SECONDS
    found = bench.look()
    assert (len(found.table), found.changed) == (0, True)


def test_a_certificate_that_is_not_valid_yet_serves_when_it_is(ca: trustme.CA, tmp_path: Path) -> None:
    begins = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    leaf = ca.issue_cert("example.com", not_before=begins, not_after=begins + timedelta(days=1))
    (tmp_path / "main").mkdir()
    write(tmp_path / "main", chain=leaf.cert_chain_pems[0].bytes(), key=leaf.private_key_pem.bytes())
    bench = Bench(tmp_path)
    assert bench.look().failures == 1
    bench.now = begins
    bench.seconds += shelf_module.RETRY_SECONDS
    assert bench.look().successes == 1


def test_a_file_in_the_folders_place_is_told_unless_the_start_ends_with_it(
    ca: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "root"
    root.touch()
    assert Bench(root).look().is_no_folder
    assert not caplog.records
    root.unlink()
    issue(ca, root / "main", "example.com")
    bench = Bench(root)
    assert not bench.look().is_no_folder
    root.rename(tmp_path / "aside")
    root.touch()
    found = bench.look()
    assert (found.is_no_folder, len(found.table)) == (True, 1)
    assert caplog.text.count("cannot be looked for: Not a directory; what serves goes on") == 1


def test_a_default_that_is_missing_among_others_is_told(
    ca: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    issue(ca, tmp_path / "one", "one.org")
    assert Bench(tmp_path, "missing").look().table.select("evil.org") is None
    (record,) = caplog.records
    assert record.getMessage().startswith(
        "DEFAULT_CERTIFICATE missing is not among the certificates that serve (one): "
    )


def test_a_default_that_may_be_about_to_come_is_not_missed(
    ca: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path, "main")
    assert len(bench.look().table) == 0
    issue(ca, tmp_path / "main", "example.com")
    selected = bench.look().table.select("evil.org")
    assert selected
    assert selected.name == "main"
    assert not caplog.records
