"""How long does a server ask to wait? The Retry-After field (RFC 9110 10.2.3)."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_MOST = timedelta(days=366)
"""What asks for more says nothing."""


def parse_retry_after(text: str | None, now: datetime) -> timedelta | None:
    """Seconds or an HTTP date, as the time from `now` and never negative; None when it is missing or makes no sense."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return timedelta(seconds=int(text)) if len(text) <= 8 and int(text) <= _MOST.total_seconds() else None  # noqa: PLR2004 - digits of a year in seconds
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:  # "-0000": UTC, says RFC 5322 3.3
            moment = moment.replace(tzinfo=UTC)
        pause = max(moment - now, timedelta(0))
    except (ValueError, OverflowError):  # OverflowError: a year or a zone of many digits
        return None
    return pause if pause <= _MOST else None
