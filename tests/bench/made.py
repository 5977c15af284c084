"""Results as a run would have them, made by hand."""

from bench.readings import Reading
from bench.results import Footprint, Gap, Results, Sample

MIB = 1 << 20


def sample(
    proxy: str, turn: int, rate: int, cpu_seconds: float = 1.0, *, case: str = "h1-32", errors: int = 0
) -> Sample:
    """One second in which `rate` requests were answered."""
    return Sample(case, proxy, turn, Reading(rate, 1.0, 0.5, 2.0, errors), cpu_seconds, 50 * MIB)


RESULTS = Results(
    machine={"processor": "an abacus", "cores": "2"},
    samples=[
        sample("direct", 0, 100_000),
        sample("nginx", 0, 1000),
        sample("fast", 0, 2000, 0.5),
        sample("nginx", 1, 500, errors=3),
        sample("fast", 1, 500),
        sample("nginx", 2, 4000),
        sample("fast", 2, 1000),
    ],
    footprints=[Footprint("idle", "fast", 1024, 10 * MIB, 30 * MIB)],
    gaps=[Gap("idle", "caddy", "caddy ended (1): no such file")],
)
