"""What is asked for? The command line as a plan."""

import argparse
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cases import BY_KEY as CASES
from bench.cases import Case
from bench.ground import ROOT
from bench.measurement import Pace
from bench.proxies import BY_KEY as PROXIES
from bench.proxies import Proxy
from bench.run import Plan, say

_FULL = Pace(rounds=3, seconds=2)
_QUICK = Pace(rounds=1, seconds=1)
_NEEDED = ("nginx", "wrk", "h2load", "ab")


@dataclass(frozen=True, slots=True)
class Wish:
    """A run, and where its results go beside standard output."""

    plan: Plan
    out: Path | None
    redraw: Path | None
    """Raw results of an earlier run, to be shown anew; nothing is measured then."""


class WishError(ValueError):
    """It cannot be done. The text is one line."""


def read_arguments(arguments: Sequence[str]) -> Wish:
    """Raises WishError, and SystemExit as argparse does."""
    given = _parser().parse_args(arguments)
    cases = _chosen("case", given.only, CASES, [case for case in CASES.values() if case.quick or not given.quick])
    proxies = _chosen("proxy", given.proxies, PROXIES, list(PROXIES.values()))
    pace = _QUICK if given.quick else _FULL
    pace = Pace(given.rounds or pace.rounds, given.seconds or pace.seconds)
    is_whole = not (given.quick or given.only or given.proxies)
    out = given.out or (ROOT / "docs" if is_whole or given.redraw else None)
    return Wish(Plan(cases, proxies, pace), out, given.redraw)


def check_programs(plan: Plan) -> Plan:
    """`plan` without the proxies that are not installed; raises WishError where nothing can be measured."""
    if missing := _missing(_NEEDED):
        raise WishError(f"not installed: {', '.join(missing)} (scripts/bench --install installs what Debian has)")
    present: list[Proxy] = []
    for proxy in plan.proxies:
        if missing := _missing(proxy.programs):
            say(f"{proxy.title} is left out: {', '.join(missing)} is not installed (scripts/bench --install)")
        else:
            present.append(proxy)
    return Plan(plan.cases, present, plan.pace)


def _missing(programs: Iterable[str]) -> list[str]:
    return [program for program in programs if shutil.which(program) is None]


def _chosen[T: Case | Proxy](kind: str, text: str | None, known: Mapping[str, T], otherwise: list[T]) -> list[T]:
    if not text:
        return otherwise
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in known]:
        raise WishError(f"no {kind} {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "scripts/bench", description="Measure the gateway beside other proxies, on loopback."
    )
    parser.add_argument("--install", action="store_true", help="first install the other programs (Debian, as root)")
    parser.add_argument("--quick", action="store_true", help="a few cases, once each, in less than two minutes")
    parser.add_argument("--only", metavar="CASE,...", help=f"of {', '.join(CASES)}")
    parser.add_argument("--proxies", metavar="PROXY,...", help=f"of {', '.join(PROXIES)}")
    parser.add_argument("--rounds", type=_positive, metavar="N", help="times that each proxy has its turn (3)")
    parser.add_argument("--seconds", type=_positive, metavar="S", help="length of a turn (2)")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="benchmarks.md, .json and charts go there; a whole run writes docs/"
    )
    parser.add_argument(
        "--redraw", type=Path, metavar="JSON", help="measure nothing, write the page from these results"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number
