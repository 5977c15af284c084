"""How is another program run within bounds, and what were its last words?"""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

_TAIL_BYTES = 2000
_PIECE_BYTES = 4096
_ENDING_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended."""

    code: int | None
    """Its exit code, negative for a signal; None when it was ended because its time was over."""
    tail: str
    """The end of what it wrote, both streams together."""


def run(arguments: Sequence[str], *, environment: Mapping[str, str], letter: bytes = b"", seconds: float) -> Outcome:
    """Runs a program and ends it with all it started when `seconds` are over. Raises OSError when it cannot start.

    `letter`, a few KiB at most, is what it reads. What it writes is read on and forgotten but for the last 2,000
    bytes, so neither a full pipe stops it nor a talkative one fills the memory.
    """
    program = subprocess.Popen(  # noqa: S603 - the operator names it, and no shell reads its arguments
        list(arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        start_new_session=True,
    )
    tail = bytearray()
    reader = threading.Thread(target=_read, args=(program.stdout, tail), daemon=True)
    reader.start()
    try:
        _tell(program.stdin, letter)
        code = _wait(program, seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)  # also what it left behind: that would hold the pipe open
        program.wait(_ENDING_SECONDS)
        reader.join(_ENDING_SECONDS)
    return Outcome(code, bytes(tail).decode("utf-8", "replace").strip())


def _wait(program: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return program.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def _tell(stream: IO[bytes] | None, letter: bytes) -> None:
    if stream is not None:
        with contextlib.suppress(BrokenPipeError), stream:
            stream.write(letter)


def _read(stream: IO[bytes] | None, tail: bytearray) -> None:
    if stream is None:
        return
    with stream:
        while piece := os.read(stream.fileno(), _PIECE_BYTES):
            tail += piece
            del tail[:-_TAIL_BYTES]
