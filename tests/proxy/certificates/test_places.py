"""Where are certificates found, however they are laid out?"""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from mesh_gateway.proxy.certificates.pair import make_certificate, read_pair
from mesh_gateway.proxy.certificates.places import find_places
from tests.proxy.certificates.bench import Bench, load
from tests.proxy.certificates.layouts import LAYOUTS, as_folders, as_the_program
from tests.rig.pairs import Spoil, issue


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_each_programs_way_to_lay_certificates_out_is_understood(ca: trustme.CA, tmp_path: Path, layout: Spoil) -> None:
    layout(ca, tmp_path)
    found = Bench(tmp_path).look()
    assert (len(found.table), found.successes, found.failures) == (1, 1, 0)
    assert found.table.covering("example.com")


def test_two_layouts_that_hold_the_same_name_serve_side_by_side(ca: trustme.CA, tmp_path: Path) -> None:
    as_the_program(ca, tmp_path)
    as_folders(ca, tmp_path)
    assert {place.name for place in find_places(tmp_path)} == {"example.com", "example.com/fullchain.pem"}
    assert len(load(tmp_path)) == 2


def test_no_more_places_than_a_table_has_room_for_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh_gateway.proxy.certificates.places.MOST_PLACES", 3)
    for number in range(5):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "fullchain.pem").touch()
    assert len(find_places(tmp_path)) == 3


def test_a_swap_of_the_folders_link_is_one_generation(ca: trustme.CA, tmp_path: Path) -> None:
    as_the_program(ca, tmp_path)
    (place,) = find_places(tmp_path)
    before = read_pair(place)
    issue(ca, tmp_path / "archive" / "example.com" / "next", "example.com")
    (tmp_path / "live" / "next").symlink_to("../archive/example.com/next")
    (tmp_path / "live" / "next").rename(tmp_path / "live" / "example.com")
    after = read_pair(place)
    assert before != after
    make_certificate(after, datetime.now(UTC))


def test_what_is_no_certificate_folder_is_passed_over(ca: trustme.CA, tmp_path: Path) -> None:
    (tmp_path / "accounts").mkdir()
    (tmp_path / "note.txt").write_text("not a folder")
    issue(ca, tmp_path / "good", "example.com")
    found = Bench(tmp_path).look()
    assert (len(found.table), found.failures) == (1, 0)


def test_what_a_folder_is_called_forges_no_line_of_the_log(
    ca: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ("a\nb", "c\x1b[2J", "d\u202e", os.fsdecode(b"e\xff"))
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "fullchain.pem").touch()
    lego = tmp_path / "f\rg.crt"
    lego.touch()
    lego.with_suffix(".key").touch()
    found = Bench(tmp_path).look()
    assert sorted(found.refused) == ["a\\nb", "c\\x1b[2J", "d\\u202e", "e\\udcff", "f\\rg"]
    assert len(caplog.records) == len(found.refused)
    assert all(record.getMessage().isprintable() for record in caplog.records)


def test_a_folder_that_is_not_there_has_no_places(tmp_path: Path) -> None:
    assert find_places(tmp_path / "missing") == ()


def test_a_file_in_the_folders_place_is_no_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NotADirectoryError):
            find_places(root)
