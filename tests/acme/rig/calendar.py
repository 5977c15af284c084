"""A clock that stands still until it is moved."""

from datetime import UTC, datetime, timedelta

TODAY = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Calendar:
    """Its state is the time."""

    def __init__(self, now: datetime = TODAY) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **span: float) -> None:
        """Forward, or back for a negative number: `days=30`."""
        self.now += timedelta(**span)
