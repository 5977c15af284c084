"""What becomes of a client for whom the process has no descriptor left? It is turned away, at once and quietly.

asyncio (3.12 to 3.14) logs such an accept as often as its backlog says and makes a timer for each, all of which try
again a second later, and so on: thousands of lines a second. uvloop accepts by itself, and as libuv does it.
"""

import errno
import logging
import os
import socket
import time
from collections.abc import Callable
from typing import Any, override

logger = logging.getLogger(__name__)

OUT_OF_FILES = (errno.EMFILE, errno.ENFILE)
SILENT_SECONDS = 60.0


class Doorway(socket.socket):
    """A socket that listens, with one descriptor in reserve."""

    def __init__(self, fileno: int, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(fileno=fileno)
        self._clock = clock
        self._reserve: int | None = _open_reserve()
        self._silent_until = 0.0

    @override
    def accept(self) -> tuple[socket.socket, Any]:
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in OUT_OF_FILES:
                raise
            self._turn_away()
            raise BlockingIOError from error  # to asyncio: enough for this time

    def _turn_away(self) -> None:
        """Take the next client by the descriptor in reserve, only to close it: nobody else would."""
        if self._clock() >= self._silent_until:
            self._silent_until = self._clock() + SILENT_SECONDS
            logger.warning("no open file is left for a client: raise the limit of open files (ulimit -n)")
        self._give_up_reserve()
        try:
            super().accept()[0].close()
        except OSError:
            pass  # somebody else was faster, or the client has gone
        finally:
            self._reserve = _open_reserve()

    def _give_up_reserve(self) -> None:
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None

    @override
    def close(self) -> None:
        self._give_up_reserve()
        super().close()


def _open_reserve() -> int | None:
    try:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
