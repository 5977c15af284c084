"""How long does a test wait for what must come?"""

import asyncio
from collections.abc import Callable

PATIENCE_SECONDS = 10.0
_STEP_SECONDS = 0.02


class NeverHappenedError(AssertionError):
    """What a test waited for did not come about."""


async def eventually[T](look: Callable[[], T | None], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """The first true value of `look()`; raises NeverHappenedError when `seconds` pass without one."""
    end = asyncio.get_running_loop().time() + seconds
    while not (found := look()):
        if asyncio.get_running_loop().time() > end:
            raise NeverHappenedError(f"{what} within {seconds} s")
        await asyncio.sleep(_STEP_SECONDS)
    return found
