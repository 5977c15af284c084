"""Which id does a request get that brought none? One that nobody can guess from others."""

from collections.abc import Callable

_BYTES = 16
_AT_A_TIME = 64


class RequestIds:
    """128 bits of `random` each, in hex. They are drawn in blocks: a call of the kernel for each would cost more."""

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._drawn: list[str] = []

    def __call__(self) -> str:
        if not self._drawn:
            block, length = self._random(_BYTES * _AT_A_TIME).hex(), 2 * _BYTES
            self._drawn = [block[at : at + length] for at in range(0, len(block), length)]
        return self._drawn.pop()
