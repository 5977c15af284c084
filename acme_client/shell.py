"""How does the program answer the shell that started it? With an exit code, and on two streams."""

from dataclasses import dataclass
from typing import TextIO

WELL, FAILED, WRONG_SETTINGS = 0, 1, 2
"""All is well; something failed or is not as it should be; the settings or the command line are wrong."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Where answers and happenings go."""

    stdout: TextIO
    stderr: TextIO
