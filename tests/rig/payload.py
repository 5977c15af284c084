"""Which bytes does a large body consist of? Made as they are needed, never held."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import cycle

MIB = 1 << 20
BLOCK_SIZE = 1 << 16
# Blocks differ and their count is odd, so that one lost, doubled or swapped block changes the digest.
_BLOCKS = tuple(hashlib.shake_256(bytes([number])).digest(BLOCK_SIZE) for number in range(7))


def blocks(size: int) -> Iterator[bytes]:
    """The first `size` bytes of the one endless body, block by block."""
    left = size
    for block in cycle(_BLOCKS):
        if left <= 0:
            return
        yield block[:left]
        left -= len(block)


@lru_cache
def digest_of(size: int) -> str:
    """SHA-256 of `blocks(size)`."""
    tally = Tally()
    for block in blocks(size):
        tally.add(block)
    return tally.sha256


@dataclass(slots=True)
class Tally:
    """Size and SHA-256 of what went by."""

    size: int = 0
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        self._digest.update(piece)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()
