"""How does the access log get out without ever holding up a request?

`write` puts a line into a bounded queue; one thread empties it into the stream. What does not fit, or cannot be
written (disk full, reader gone), is dropped and counted. The mutable state is the queue and the two counts.
"""

import os
import select
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import BinaryIO

from mesh_gateway.observe.access_text import LINE_LENGTH, encoded_line
from mesh_gateway.observe.exchange import Exchange

_FILE_CHUNK = 1 << 16
# Between two batches the thread rests: each time it wakes up, the event loop has to share the interpreter with it.
_REST_SECONDS = 0.1
_CLOSE_SECONDS = 2.0


class AccessLog:
    """One JSON line per exchange on `stream`, which needs a file descriptor. The descriptor stays the caller's."""

    def __init__(
        self, stream: BinaryIO, capacity: int = 10_000, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        stream.flush()  # from here on the descriptor is written to directly
        self._fd = stream.fileno()
        self._chunk_length = _chunk_length(self._fd)
        self._capacity = capacity
        self._clock = clock
        self._lines: deque[bytes] = deque()
        self._refused = 0  # counted by the callers of `write`
        self._lost = 0  # counted by the thread
        self._torn = False
        self._waiting = threading.Event()
        self._closing = threading.Event()
        self._given_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """How many lines were not written."""
        return self._refused + self._lost

    def write(self, exchange: Exchange) -> None:
        """Queue the exchange's line; never blocks."""
        if len(self._lines) >= self._capacity or self._closing.is_set():
            self._refused += 1
            return
        self._lines.append(encoded_line(exchange, self._clock()))
        if not self._waiting.is_set():
            self._waiting.set()

    def close(self) -> None:
        """Write what is queued, for two seconds at most; what is left then counts as dropped."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._waiting.set()
        self._thread.join(_CLOSE_SECONDS)
        if self._thread.is_alive():  # a reader that does not read; the thread is a daemon and ends with the process
            self._given_up.set()
            self._refused += len(self._lines)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._waiting.wait()
            self._waiting.clear()  # first: a line that comes now sets it again
            self._write_queued()
            self._closing.wait(_REST_SECONDS)
        self._write_queued()

    def _write_queued(self) -> None:
        while self._lines and not self._given_up.is_set():
            self._write_chunk(_next_chunk(self._lines, self._chunk_length))

    def _write_chunk(self, chunk: bytes) -> None:
        """Write all of it; where that fails, count the lines that did not get out whole, and go on with the next."""
        # A full disk takes the start of a line: end it before the next, or that one is lost with it.
        whole = b"\n" + chunk if self._torn else chunk
        sent = 0
        try:
            while sent < len(whole):
                sent += self._write_some(whole[sent:])
        except OSError:  # ENOSPC, EPIPE, EIO ...
            self._lost += whole.count(b"\n", max(sent, len(whole) - len(chunk)))
            if sent:
                self._torn = whole[sent - 1 : sent] != b"\n"
        else:
            self._torn = False

    def _write_some(self, part: bytes) -> int:
        try:
            return os.write(self._fd, part)
        except BlockingIOError:  # whoever shares the pipe made it non-blocking
            if self._given_up.is_set():
                raise
            _await_room(self._fd)
            return 0


def _await_room(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    poll.poll(_REST_SECONDS * 1000)


def _chunk_length(fd: int) -> int:
    """Bytes per write: what a pipe keeps whole, or what suits a file."""
    mode = os.fstat(fd).st_mode
    return LINE_LENGTH if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else _FILE_CHUNK


def _next_chunk(lines: deque[bytes], length: int) -> bytes:
    """Takes the next line off the queue, and those behind it that fit into `length` bytes with it."""
    chunk = bytearray(lines.popleft())
    while lines and len(chunk) + len(lines[0]) <= length:
        chunk += lines.popleft()
    return bytes(chunk)
