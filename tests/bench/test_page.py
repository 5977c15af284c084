"""Does the page keep what people wrote, and show what was measured?"""

from pathlib import Path

import pytest

from bench.page import BEGIN, END, PageError, put_between, write
from bench.results import load
from tests.bench.made import RESULTS

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def test_only_what_is_between_the_marks_changes() -> None:
    old = f"# Title\n\nby hand\n\n{BEGIN}\nold\n{END}\n\nby hand too\n"
    assert put_between(old, "\nnew\n") == f"# Title\n\nby hand\n\n{BEGIN}\n\nnew\n\n{END}\n\nby hand too\n"


@pytest.mark.parametrize("old", ["", BEGIN, END, f"{END}\n{BEGIN}"], ids=["none", "no end", "no begin", "turned round"])
def test_a_page_without_both_marks_is_left_as_it_is(old: str) -> None:
    with pytest.raises(PageError):
        put_between(old, "new")


def test_the_shipped_page_can_be_written_again() -> None:
    old = PAGE.read_text(encoding="utf-8")
    new = put_between(old, "anything")
    assert new.startswith(old.partition(BEGIN)[0] + BEGIN)
    assert new.endswith(END + old.partition(END)[2])


def test_a_written_page_has_machine_charts_and_tables_and_the_raw_results_lie_beside(tmp_path: Path) -> None:
    write(RESULTS, tmp_path)
    write(RESULTS, tmp_path)
    text = (tmp_path / "benchmarks.md").read_text(encoding="utf-8")
    assert text.count("| processor | an abacus |") == 1
    assert "### HTTP/1.1, 32 connections" in text
    assert load(tmp_path / "benchmarks.json") == RESULTS
    pictures = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert all(f"(images/{name})" in text for name in pictures)
    assert len(pictures) == 2
