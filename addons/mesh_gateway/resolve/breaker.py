"""Is the API worth a call, or is it so plainly down that it should be left alone?

Three states. Closed: calls pass. Open, after `THRESHOLD` failures in a row over `TENANTS` tenants: none pass for a pause. Half-open, after the
pause: one call passes as a probe; its success closes the breaker, its failure doubles the pause.
"""

from dataclasses import dataclass
from random import Random

THRESHOLD = 5
TENANTS = 3
"""An API that fails for one tenant and is asked for no other must not keep the others out."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 4.0
"""With its jitter less than five seconds: so soon a restarted API must be noticed."""
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Pass:
    """Leave to make one call; it is handed back with the call's outcome."""

    is_probe: bool


class Breaker:
    """No clock of its own: `now` is monotonic seconds."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._failures = 0
        self._failed_for: set[str] = set()
        self._pause = FIRST_PAUSE
        self._open_until: float | None = None
        self._probing = False

    def is_open(self, now: float) -> bool:
        """Whether `enter` would refuse."""
        return self._open_until is not None and (self._probing or now < self._open_until)

    def enter(self, now: float) -> Pass | None:
        """Leave to call, or None."""
        if self.is_open(now):
            return None
        self._probing = self._open_until is not None
        return Pass(self._probing)

    def succeed(self) -> None:
        """A call was answered: whatever was counted before is over."""
        self._failures = 0
        self._failed_for.clear()
        self._pause = FIRST_PAUSE
        self._open_until = None
        self._probing = False

    def fail(self, leave: Pass, tenant: str, now: float) -> bool:
        """A call for `tenant` was not answered; returns whether that opens the breaker."""
        if leave.is_probe:
            self._probing = False
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        elif self._open_until is not None:
            return False  # it was under way when the breaker opened, and says nothing new
        else:
            self._failures += 1
            if len(self._failed_for) < TENANTS:
                self._failed_for.add(tenant)
            if self._failures < THRESHOLD or len(self._failed_for) < TENANTS:
                return False
        self._open_until = now + self._pause * self._random.uniform(1 - _JITTER, 1 + _JITTER)
        return True

    def abandon(self, leave: Pass) -> None:
        """The call was given up for a reason that says nothing of the API: let another one probe."""
        self._probing = self._probing and not leave.is_probe
