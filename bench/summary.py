"""What do the samples say? Medians, and how many times as fast the gateway is in the same rounds."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.results import Results, Sample


@dataclass(frozen=True, slots=True)
class Row:
    """One proxy in one case: the medians of its samples."""

    proxy: str
    rate: float
    rate_per_cpu: float
    p50_ms: float
    p99_ms: float
    memory_bytes: float
    errors: int
    """All of them."""
    ratio: float | None
    """The gateway's rate to this one's; None where one of the two was not measured."""
    ratio_per_cpu: float | None


def rows(results: Results, case: str, proxies: Iterable[str], gateway: str) -> list[Row]:
    """The case's rows in the order of `proxies`; those without samples are left out."""
    taken = [sample for sample in results.samples if sample.case == case]
    ours = [sample for sample in taken if sample.proxy == gateway]
    by_proxy = ((proxy, [sample for sample in taken if sample.proxy == proxy]) for proxy in proxies)
    return [_row(proxy, samples, ours) for proxy, samples in by_proxy if samples]


def _row(proxy: str, samples: Sequence[Sample], ours: Sequence[Sample]) -> Row:
    return Row(
        proxy=proxy,
        rate=median(sample.rate for sample in samples),
        rate_per_cpu=median(sample.rate_per_cpu for sample in samples),
        p50_ms=median(sample.reading.p50_ms for sample in samples),
        p99_ms=median(sample.reading.p99_ms for sample in samples),
        memory_bytes=median(sample.memory_bytes for sample in samples),
        errors=sum(sample.reading.errors for sample in samples),
        ratio=_ratio(ours, samples, lambda sample: sample.rate),
        ratio_per_cpu=_ratio(ours, samples, lambda sample: sample.rate_per_cpu),
    )


def _ratio(ours: Sequence[Sample], theirs: Sequence[Sample], figure: Callable[[Sample], float]) -> float | None:
    """The median of the rounds' own ratios: what slowed the machine in a round slowed both."""
    by_turn = {sample.turn: figure(sample) for sample in theirs if figure(sample)}
    ratios = [figure(sample) / by_turn[sample.turn] for sample in ours if sample.turn in by_turn]
    return median(ratios) if ratios else None
