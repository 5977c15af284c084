"""What did the load generator see? Its output, or its log, as numbers."""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


_NOTHING = "nothing was answered"


class ReadingError(ValueError):
    """The output is not that of a run that went well enough to be read."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One run of a load."""

    requests: int
    """Those that were answered well."""
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int = 0

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def read_wrk(output: str) -> Reading:
    """From `wrk --latency`."""
    total = _find(r"(\d+) requests in ([\d.]+)(us|ms|s|m),", output)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    wrong = int(refused[1]) if refused else 0
    if int(total[1]) == wrong:
        raise ReadingError(_NOTHING)
    return Reading(
        requests=int(total[1]) - wrong,
        seconds=_milliseconds(total[2], total[3]) / 1000,
        p50_ms=_percentile_of_wrk(50, output),
        p99_ms=_percentile_of_wrk(99, output),
        errors=wrong + sum(int(count) for count in (broken.groups() if broken else ())),
    )


def read_ab(output: str, log: str) -> Reading:
    """From `ab`, with the table of percentages that `-e` writes."""
    complete = int(_find(r"Complete requests:\s+(\d+)", output)[1])
    wrong = sum(int(count) for count in re.findall(r"(?:Failed requests|Non-2xx responses):\s+(\d+)", output))
    percentages = {row[0]: row[1] for row in csv.reader(log.splitlines()[1:])}
    return Reading(
        requests=complete - wrong,
        seconds=float(_find(r"Time taken for tests:\s+([\d.]+) seconds", output)[1]),
        p50_ms=float(percentages["50"]),
        p99_ms=float(percentages["99"]),
        errors=wrong,
    )


def read_h2load(output: str, log: str) -> Reading:
    """From `h2load -D`, with its `--log-file`: start, status and microseconds of each request."""
    counts = _find(r"(\d+) succeeded, (\d+) failed", output)
    rate = float(_find(r"finished in .*, ([\d.]+) req/s", output)[1])
    latencies = [int(line.split("\t")[2]) / 1000 for line in log.splitlines()]
    if not rate:
        raise ReadingError(_NOTHING)
    return reading_of(latencies, int(counts[1]), int(counts[1]) / rate, errors=int(counts[2]))


def reading_of(latencies_ms: Iterable[float], requests: int, seconds: float, *, errors: int = 0) -> Reading:
    """From single round trips."""
    ordered = sorted(latencies_ms)
    if not ordered:
        raise ReadingError(_NOTHING)
    return Reading(requests, seconds, percentile(ordered, 50), percentile(ordered, 99), errors)


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The smallest value that `percent` in a hundred do not exceed (nearest rank)."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _percentile_of_wrk(percent: int, output: str) -> float:
    found = _find(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)\s*$", output)
    return _milliseconds(found[1], found[2])


def _milliseconds(number: str, unit: str) -> float:
    return float(number) * _MILLISECONDS[unit]


def _find(pattern: str, output: str) -> re.Match[str]:
    if found := re.search(pattern, output, re.MULTILINE):
        return found
    raise ReadingError(f"no {pattern!r} in: {output[-500:]}")
