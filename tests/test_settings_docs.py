"""Does docs/settings.md tell of every setting, and does `--check` notice when it does not?"""

from pathlib import Path

import pytest

from mesh_gateway.settings import TABLE, Setting
from scripts.settings_docs import PAGE, main, page


def test_the_shipped_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.variable)
def test_every_setting_has_one_line_of_four_cells(row: Setting) -> None:
    lines = [line for line in page().splitlines() if line.startswith(f"| `{row.variable}` |")]
    assert [line.count("|") for line in lines] == [5]


def test_check_says_what_to_run_and_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = tmp_path / "settings.md"
    old.write_text("# Settings of last year\n")
    assert main(["--check"], old) == 1
    assert capsys.readouterr().err == f"{old} is out of date: run scripts/settings-docs\n"
    assert old.read_text() == "# Settings of last year\n"


def test_a_written_page_passes_the_check(tmp_path: Path) -> None:
    new = tmp_path / "settings.md"
    assert main(["--check"], new) == 1
    assert main([], new) == 0
    assert main(["--check"], new) == 0
