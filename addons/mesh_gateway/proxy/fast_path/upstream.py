"""What have upstream connections in common, whatever they speak? A line, a candidate, and who has them on loan."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from mesh_gateway.pipeline import Candidate
from mesh_gateway.proxy.fast_path.dialling import Line
from mesh_gateway.proxy.fast_path.sides import Borrower

if TYPE_CHECKING:
    from mesh_gateway.proxy.fast_path.pool import Pool

MAX_INTERIM_ANSWERS = 20


class UpstreamConnection(ABC):
    """Owned by the pool, lent to one exchange after the other."""

    def __init__(self, pool: "Pool", candidate: Candidate, line: Line) -> None:
        self.pool = pool
        self.candidate = candidate
        self.line = line
        self.channel = line.channel
        self.borrower: Borrower | None = None
        self.is_reused = False
        self.idle_since = 0.0

    def made(self) -> bool:
        return True

    def opened(self) -> None:  # noqa: B027 - a channel's owner has it
        """It was opened before this was made."""

    def lost(self) -> None:  # noqa: B027 - a channel's owner has it
        """`ended` has told."""

    def fault(self, error: Exception) -> None:
        """A fault of the gateway's own."""
        if self.borrower:
            self.borrower.fault(error)
        self._drop()

    @abstractmethod
    def _drop(self) -> None:
        """Give the connection up; nobody waits for it."""
