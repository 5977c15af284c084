"""What does a command line ask for?"""

from pathlib import Path

import pytest

from bench.arguments import WishError, read_arguments
from bench.cases import CASES
from bench.ground import ROOT
from bench.measurement import Pace
from bench.proxies import PROXIES


def test_a_whole_run_has_everything_and_writes_the_docs() -> None:
    wish = read_arguments([])
    assert wish.plan.cases == list(CASES)
    assert wish.plan.proxies == list(PROXIES)
    assert (wish.plan.pace, wish.out) == (Pace(3, 2), ROOT / "docs")


def test_a_quick_run_is_a_part_and_writes_nothing() -> None:
    wish = read_arguments(["--quick"])
    assert {case.key for case in wish.plan.cases} < {case.key for case in CASES}
    assert (wish.plan.pace, wish.out) == (Pace(1, 1), None)


def test_names_and_pace_can_be_given() -> None:
    wish = read_arguments(["--only", "h2, h1-1", "--proxies", "fast", "--rounds", "5", "--seconds", "4", "--out", "x"])
    assert [case.key for case in wish.plan.cases] == ["h2", "h1-1"]
    assert [proxy.key for proxy in wish.plan.proxies] == ["fast"]
    assert (wish.plan.pace, wish.out) == (Pace(5, 4), Path("x"))


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many"])
def test_a_pace_is_a_whole_number(text: str) -> None:
    with pytest.raises(SystemExit):
        read_arguments(["--rounds", text])


@pytest.mark.parametrize(("option", "kind"), [("--only", "case"), ("--proxies", "proxy")])
def test_an_unknown_name_is_answered_with_the_known_ones(option: str, kind: str) -> None:
    with pytest.raises(WishError, match=f"no {kind} nonsense; there are "):
        read_arguments([option, "nonsense"])
