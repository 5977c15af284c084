"""What did a peer say lately? The last few things and what they were found to mean, for those who repeat themselves."""

from collections.abc import Hashable

# a browser on one connection says two or three different field sections
_CAPACITY = 3
LONGEST_KEPT = 4096
"""Bytes of the longest section worth keeping; for its keeper to look at."""


class Recent[Said: Hashable, Meaning]:
    """Kept by one connection and ending with it: what it holds may be secret, so it is little and nobody else's."""

    def __init__(self) -> None:
        self._meanings: dict[Said, Meaning] = {}

    def get(self, said: Said) -> Meaning | None:
        """What it was found to mean; None if it was not said, or too long ago."""
        return self._meanings.get(said)

    def keep(self, said: Said, meaning: Meaning) -> None:
        """Remember it, in place of what was kept first."""
        if len(self._meanings) >= _CAPACITY:
            del self._meanings[next(iter(self._meanings))]
        self._meanings[said] = meaning
