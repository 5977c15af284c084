"""When is the CA asked again, and when is it enough?"""

import requests

from acme_client.errors import AcmeError, ErrorKind
from acme_client.retry_after import parse_retry_after
from acme_client.transport import Line

SHORTEST_SECONDS = 0.5
LONGEST_SECONDS = 15.0
"""Between two questions, whatever Retry-After says: it is a wish (RFC 8555 8.2), and the end must be noticed."""


class Polling:
    """One wait for one outcome. Its state is the moment it ends and the next pause."""

    def __init__(self, line: Line, seconds: float) -> None:
        self._line = line
        self._seconds = seconds
        self._end = line.monotonic() + seconds
        self._pause = SHORTEST_SECONDS

    def pause(self, answer: requests.Response, waiting_for: str) -> None:
        """Waits as `answer` asks; raises AcmeError (CA_UNAVAILABLE) when the time for it is over."""
        left = self._end - self._line.monotonic()
        if left <= 0:
            raise AcmeError(ErrorKind.CA_UNAVAILABLE, f"The CA was given {self._seconds:g} s: {waiting_for}")
        wished = parse_retry_after(answer.headers.get("Retry-After"), self._line.clock())
        seconds = wished.total_seconds() if wished is not None else self._pause
        self._pause = min(2 * self._pause, LONGEST_SECONDS)
        self._line.wait(min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS, left))
