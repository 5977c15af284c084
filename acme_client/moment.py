"""Which moment does a text of a stranger or of a file mean (RFC 3339)?"""

from datetime import UTC, datetime

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""Room on both sides, so that adding or taking away the spans of this program never leaves the calendar."""


def parse_moment(text: str) -> datetime:
    """The moment in UTC; raises ValueError without a time zone or outside of `EARLIEST` to `LATEST`, TypeError for no text."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone (RFC 3339)")
    if not EARLIEST <= moment < LATEST:
        raise ValueError(f"{text} is no moment of the years {EARLIEST.year} to {LATEST.year}")
    return moment.astimezone(UTC)
