"""How do the results read? Markdown tables."""

from collections.abc import Iterable, Mapping

from bench.cases import CASES, Case
from bench.proxies import BY_KEY
from bench.results import Footprint, Results
from bench.run import DIRECT
from bench.summary import Row, rows

ORDER = (DIRECT, *BY_KEY)
_TITLES: Mapping[str, str] = {DIRECT: "the upstream itself", **{key: proxy.title for key, proxy in BY_KEY.items()}}


def title(proxy: str) -> str:
    return _TITLES[proxy]


def gateway_in(results: Results) -> str:
    """The path of the gateway that the others are compared with: the fast one, where it was measured."""
    return "fast" if any(sample.proxy == "fast" for sample in results.samples) else "flow"


def tables(results: Results) -> str:
    """One for each case that was measured."""
    return "\n".join(text for case in CASES if (text := table(results, case)))


def table(results: Results, case: Case) -> str:
    """Empty where nothing was measured."""
    parts = [list(lines(results, case)) for lines in (_rates, _errors, _footprints, _gaps)]
    texts = ["\n".join(part) + "\n" for part in parts if part]
    return "\n".join((f"### {case.title}\n", *texts)) if texts else ""


def _rates(results: Results, case: Case) -> Iterable[str]:
    gateway = gateway_in(results)
    found = rows(results, case.key, ORDER, gateway)
    if not found:
        return
    yield f"| | requests/s | per CPU-second | p50 ms | p99 ms | memory MiB | {gateway} path to it | per CPU-second |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    yield from map(_rate_line, found)


def _errors(results: Results, case: Case) -> Iterable[str]:
    found = [row for row in rows(results, case.key, ORDER, gateway_in(results)) if row.errors]
    if found:
        yield "\\* with errors that the client saw: " + ", ".join(f"{title(row.proxy)} {row.errors}" for row in found)


def _rate_line(row: Row) -> str:
    name = title(row.proxy) + (r" \*" if row.errors else "")
    figures = (row.rate, row.rate_per_cpu, row.p50_ms, row.p99_ms, row.memory_bytes / (1 << 20))
    ratios = (row.ratio, row.ratio_per_cpu)
    cells = [*map(figure, figures), *("" if ratio is None else f"{ratio:.2f}" for ratio in ratios)]
    return f"| {name} | {' | '.join(cells)} |"


def _footprints(results: Results, case: Case) -> Iterable[str]:
    found = {footprint.proxy: footprint for footprint in results.footprints if footprint.case == case.key}
    if not found:
        return
    yield "| memory | before MiB | after MiB | KiB each |"
    yield "| --- | ---: | ---: | ---: |"
    for proxy in ORDER:
        if footprint := found.get(proxy):
            yield _footprint_line(footprint)


def _footprint_line(footprint: Footprint) -> str:
    before, after = footprint.before_bytes / (1 << 20), footprint.after_bytes / (1 << 20)
    each = footprint.bytes_each / (1 << 10)
    return f"| {title(footprint.proxy)} | {figure(before)} | {figure(after)} | {figure(each)} |"


def _gaps(results: Results, case: Case) -> Iterable[str]:
    for gap in results.gaps:
        if gap.case == case.key:
            yield f"- {title(gap.proxy)} was not measured: {gap.reason}"


def figure(value: float) -> str:
    """Three digits that mean something; more would say what a run of seconds cannot know."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if rounded >= 100 else f"{rounded:g}"  # noqa: PLR2004 - three digits without a point
