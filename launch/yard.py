"""What do all places have in common? The program, the folder where workers meet, and what they are called."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from launch.programs import Program
from mesh_gateway.tasks import Tasks

READY_SECONDS = 30.0
"""Time for a successor to become ready."""


class Numbers:
    """What workers are called in metrics: the lowest number that no running one has, so that the set stays small."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def take(self) -> int:
        number = next(number for number in count() if number not in self._taken)
        self._taken.add(number)
        return number

    def give_back(self, number: int) -> None:
        self._taken.discard(number)


@dataclass(slots=True)
class Yard:
    """What all places have in common."""

    program: Program
    folder: Path
    """Where workers find each other."""
    patience_seconds: float
    """How long a worker may take to finish."""
    report: Callable[[str], None]
    is_single: bool
    """Whether there is one place only."""
    clock: Callable[[], float] = time.monotonic
    ready_seconds: float = READY_SECONDS
    numbers: Numbers = field(default_factory=Numbers)
    tasks: Tasks = field(default_factory=Tasks)
