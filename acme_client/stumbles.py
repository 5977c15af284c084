"""Which certificates could not be looked after at all, and until when are they left alone? In memory: what cannot be
written down must not be tried on and on either."""

from dataclasses import dataclass, field
from datetime import datetime

from acme_client.backoff import Setback, after, is_over
from acme_client.errors import AcmeError

NO_CA = ""
"""Stands for the directory of a CA where none was asked."""


@dataclass(frozen=True, slots=True)
class Stumbles:
    """Its mutable state is the last fault of each certificate that was met outside of an order."""

    _met: dict[str, Setback] = field(default_factory=dict)

    def add(self, name: str, error: AcmeError, now: datetime) -> Setback:
        """One more; what follows from it."""
        self._met[name] = after(error, self._met.get(name), now)
        return self._met[name]

    def rest(self, name: str, now: datetime) -> datetime | None:
        """Until when it is left alone; None when it is not."""
        setback = self._met.get(name)
        return None if setback is None or is_over(setback, now) else setback.until

    def forget(self, name: str) -> None:
        self._met.pop(name, None)

    def forget_all(self) -> None:
        self._met.clear()
