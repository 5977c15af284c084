"""What is written into docs/? The page with its generated part, the charts, and the raw samples."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.cases import CASES
from bench.chart import Bar, Panel, draw
from bench.proxies import BY_KEY
from bench.results import Results, save
from bench.run import DIRECT
from bench.summary import Row, rows
from bench.tables import ORDER, figure, gateway_in, tables, title

BEGIN: Final = "<!-- Written by scripts/bench from here: change nothing below. -->"
END: Final = "<!-- Written by scripts/bench up to here. -->"


class PageError(ValueError):
    """The page has lost the marks between which the results go."""


def write(results: Results, folder: Path) -> None:
    """`benchmarks.md`, `benchmarks.json` and `images/`; of the page only what is between the marks."""
    page = folder / "benchmarks.md"
    old = page.read_text(encoding="utf-8") if page.exists() else f"# Benchmarks\n\n{BEGIN}\n{END}\n"
    new = put_between(old, body(results))
    save(results, folder / "benchmarks.json")
    (folder / "images").mkdir(exist_ok=True)
    for name, picture in charts(results).items():
        (folder / "images" / name).write_text(picture, encoding="utf-8")
    page.write_text(new, encoding="utf-8")


def put_between(old: str, text: str) -> str:
    """`old` with `text` between the marks; what people wrote around them stays."""
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise PageError(f"the page wants a line {BEGIN!r} and below it a line {END!r}")
    return f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}"


def body(results: Results) -> str:
    """The generated part."""
    machine = "\n".join(f"| {name} | {value} |" for name, value in results.machine.items())
    pictures = "\n".join(f"![{words}](images/{name})" for name, (words, _) in _CHARTS.items())
    return "\n".join((
        "## Machine", "", "| | |", "| --- | --- |", machine, "", "## Results", "", pictures, "", tables(results),
    ))  # fmt: skip


def _rate(row: Row) -> float:
    return row.rate


def _rate_per_cpu(row: Row) -> float:
    return row.rate_per_cpu


_CHARTS: dict[str, tuple[str, Callable[[Row], float]]] = {
    "bench-rate.svg": ("Requests per second", _rate),
    "bench-cpu.svg": ("Requests per second of processor time", _rate_per_cpu),
}


def charts(results: Results) -> dict[str, str]:
    """File name to picture."""
    return {name: draw(_panels(results, value), words) for name, (words, value) in _CHARTS.items()}


def _panels(results: Results, value: Callable[[Row], float]) -> list[Panel]:
    """The upstream itself is left out: beside it all others would be stumps."""
    proxies = [proxy for proxy in ORDER if proxy != DIRECT]
    found = ((case.title, rows(results, case.key, proxies, gateway_in(results))) for case in CASES)
    return [Panel(name, [_bar(row, value(row)) for row in taken]) for name, taken in found if taken]


def _bar(row: Row, value: float) -> Bar:
    return Bar(title(row.proxy), value, figure(value), is_ours=BY_KEY[row.proxy].is_ours)
