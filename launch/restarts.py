"""A worker has ended: is it started again, and when?"""

from dataclasses import dataclass

STEADY_SECONDS = 60.0
"""A run this long forgives the failures before it."""
DELAYS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds before a start, by the failures in a row before it: what ran well is back at once."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a worker, from its start to its end."""

    status: int
    """Exit status; negative for the signal that ended it."""
    lived_seconds: float
    has_listened: bool
    """Whether it came so far as to listen."""
    is_first: bool
    """Whether no run in its place came before it."""
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


def judge(run: Run, *, asked_to_end: bool, is_alone: bool) -> Over | Again:
    """Four cases: it was asked to end; a lone one ended well by itself; its first start failed; it died.

    One of several that ended well by itself was ended by somebody who meant just that one: it is started again.
    """
    is_failed_start = run.is_first and not run.has_listened
    if asked_to_end or (run.status == 0 and (is_alone or is_failed_start)):
        return Over(0)
    if is_failed_start:
        return Over(shell_status(run.status))  # it would fail again
    failures = 0 if run.lived_seconds >= STEADY_SECONDS else run.failures
    return Again(DELAYS[min(failures, len(DELAYS) - 1)], failures + 1)


def shell_status(status: int) -> int:
    """What a shell makes of it: 128 and the signal's number (POSIX 2.8.2)."""
    return 128 - status if status < 0 else status
