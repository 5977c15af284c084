"""How does a test look at a folder of certificates, with a clock of its own?"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mesh_gateway.proxy.certificates.shelf import Outlook, Shelf
from mesh_gateway.proxy.certificates.table import Certificates


@dataclass
class Bench:
    """A shelf over a folder, and its clock."""

    root: Path
    default: str = ""
    seconds: float = 0.0
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    shelf: Shelf = field(init=False)

    def __post_init__(self) -> None:
        self.shelf = Shelf(self.root, self.default, lambda: self.seconds, lambda: self.now)

    def look(self, *, anew: bool = False) -> Outlook:
        self.seconds += 1
        return self.shelf.look(anew=anew)

    def look_twice(self) -> Outlook:
        """What is broken is told of when it still is at the second look; the counts of both."""
        first, second = self.look(), self.look()
        return Outlook(
            second.table,
            first.changed or second.changed,
            first.successes + second.successes,
            first.failures + second.failures,
            second.refused,
            second.unsettled,
        )


def load(root: Path, default: str = "") -> Certificates:
    return Bench(root, default).look().table


def serial_of(table: Certificates, host: str) -> int | None:
    found = table.covering(host)
    return found.serial if found else None
