"""A program has ended: is it started again, and when?"""

from dataclasses import dataclass

START_SECONDS = 10.0
"""A first run that fails within this time is a failed start: it would fail again."""
STEADY_SECONDS = 60.0
"""A run this long forgives the failures before it."""
FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a program, from its start to its end."""

    status: int
    """Exit status; negative for the signal that ended it."""
    lived_seconds: float
    is_first: bool
    failures: int
    """Failed runs in a row before this one."""


@dataclass(frozen=True, slots=True)
class Over:
    """It stays ended, and with it everything: `status` is for the shell."""

    status: int


@dataclass(frozen=True, slots=True)
class Again:
    """It is started again."""

    delay_seconds: float
    failures: int


def judge(run: Run, *, asked_to_end: bool) -> Over | Again:
    """Four cases: it was asked to end; it ended well by itself; its first start failed; it died."""
    if asked_to_end or run.status == 0:
        return Over(0)
    if run.is_first and run.lived_seconds < START_SECONDS:
        return Over(shell_status(run.status))
    failures = 0 if run.lived_seconds >= STEADY_SECONDS else run.failures
    delay = min(FIRST_DELAY_SECONDS * 2**failures, LONGEST_DELAY_SECONDS)
    return Again(delay, failures + 1)


def shell_status(status: int) -> int:
    """What a shell makes of it: 128 and the signal's number (POSIX 2.8.2)."""
    return 128 - status if status < 0 else status
