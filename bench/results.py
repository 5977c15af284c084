"""What has been measured? Raw samples, and their file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.readings import Reading


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one case against one proxy."""

    case: str
    proxy: str
    turn: int
    """The round; samples of one round were taken one right after the other."""
    reading: Reading
    cpu_seconds: float
    """Of the proxy's processes over the run."""
    memory_bytes: int
    """Of the proxy's processes at its end."""

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.reading.rate

    @property
    def rate_per_cpu(self) -> float:
        """Requests per second of processor time; zero where the clock's ticks were too coarse to tell."""
        return self.reading.requests / self.cpu_seconds if self.cpu_seconds else 0.0


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory before and after something was put in `count` times."""

    case: str
    proxy: str
    count: int
    before_bytes: int
    after_bytes: int

    @property
    def bytes_each(self) -> float:
        return (self.after_bytes - self.before_bytes) / self.count


@dataclass(frozen=True, slots=True)
class Gap:
    """A case that a proxy did not get through."""

    case: str
    proxy: str
    reason: str


@dataclass(frozen=True, slots=True)
class Results:
    """A whole run."""

    machine: Mapping[str, str]
    samples: Sequence[Sample] = field(default_factory=list)
    footprints: Sequence[Footprint] = field(default_factory=list)
    gaps: Sequence[Gap] = field(default_factory=list)


def save(results: Results, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(results), indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> Results:
    """What `save` wrote."""
    raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Results(
        machine=raw["machine"],
        samples=[Sample(**{**row, "reading": Reading(**row["reading"])}) for row in raw["samples"]],
        footprints=[Footprint(**row) for row in raw["footprints"]],
        gaps=[Gap(**row) for row in raw["gaps"]],
    )
