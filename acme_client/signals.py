"""How does the program end, and how is it woken? SIGTERM and SIGINT end it, SIGHUP and SIGUSR1 make it look now."""

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from types import FrameType

ENDS = (signal.SIGTERM, signal.SIGINT)
WAKES = (signal.SIGHUP, signal.SIGUSR1)


class Ended(BaseException):  # no error; passes what catches Exception, as KeyboardInterrupt does
    """The program was asked to end. Raised wherever it stands: all it does is safe against a kill at any moment."""


class Signals:
    """The program's ear. Its state is whether it was asked to end, and a pipe that wakes a wait."""

    def __init__(self) -> None:
        self._ear, self._mouth = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._has_ended = False

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Listens while inside; only in the main thread."""
        before = {number: signal.getsignal(number) for number in (*ENDS, *WAKES)}
        for number in ENDS:
            signal.signal(number, self._end)
        for number in WAKES:
            signal.signal(number, self._wake)
        try:
            yield
        finally:
            for number, action in before.items():
                signal.signal(number, action)

    def sleep(self, seconds: float) -> bool:
        """Lets seconds pass, fewer when woken; returns whether it was woken. Raises Ended."""
        woken, _, _ = select.select([self._ear], [], [], max(seconds, 0))
        with contextlib.suppress(BlockingIOError):
            os.read(self._ear, 1024)
        return bool(woken)

    @staticmethod
    def wait(seconds: float) -> None:
        """Lets seconds pass, whoever wakes; raises Ended."""
        time.sleep(max(seconds, 0))  # noqa: TID251 - nothing else runs here

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        # A second time it would break into the cleaning up that the first one began.
        if not self._has_ended:
            self._has_ended = True
            raise Ended

    def _wake(self, _number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(BlockingIOError):  # full: it will wake anyway
            os.write(self._mouth, b"w")
