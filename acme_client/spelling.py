"""Which known words may a misspelt one have been meant for?"""

from collections.abc import Iterable
from difflib import get_close_matches

_MOST = 3
ALIKE = 0.75
"""Of difflib's ratio: one letter wrong or two swapped in a short word; at its own 0.6 `exec` is near `exoscale`."""
ALL_BUT_ALIKE = 0.88
"""The same in a long word; at 0.85 lego's `EXEC_PROPAGATION_TIMEOUT` is near `DNS_PROPAGATION_TIMEOUT`."""


def near(word: str, known: Iterable[str], *, least: float = ALIKE) -> tuple[str, ...]:
    """The known words that are written almost like `word`, the nearest first, three at most; none for a known one."""
    words = list(known)
    return () if word in words else tuple(get_close_matches(word, words, _MOST, least))
