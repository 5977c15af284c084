"""How is one JSON letter posted to an API, and what comes back, within bounds?"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

_MAX_ANSWER_BYTES = 64 << 10
_TAIL_CHARACTERS = 300


class LetterError(Exception):
    """No answer came. The text says why, without what was sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an API said."""

    status: int
    body: bytes

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - RFC 9110 15.3

    @property
    def is_refusal(self) -> bool:
        """Whether it is about who asks (RFC 9110 15.5.2, 15.5.4)."""
        return self.status in {401, 403}

    @property
    def excerpt(self) -> str:
        """Status and the beginning of the text, on one line."""
        text = " ".join(self.body.decode("utf-8", "replace").split())[:_TAIL_CHARACTERS]
        return f"HTTP {self.status}" + (f": {text}" if text else "")

    def json(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def post(
    url: str,
    letter: Mapping[str, Any],
    *,
    seconds: float,
    fields: Mapping[str, str] | None = None,
    user: tuple[str, str] | None = None,
) -> Answer:
    """Posts a letter; the answer must be whole within `seconds` and 64 KiB. Raises LetterError."""
    end = time.monotonic() + seconds  # httpx has a limit for each step, and none for all of them
    body = bytearray()
    try:
        with httpx.stream("POST", url, json=dict(letter), headers=fields, auth=user, timeout=seconds) as answer:
            for piece in answer.iter_bytes():
                body += piece
                if time.monotonic() > end or len(body) > _MAX_ANSWER_BYTES:
                    raise LetterError(f"its answer did not end within {seconds:.0f} s and {_MAX_ANSWER_BYTES} bytes")
            return Answer(answer.status_code, bytes(body))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise LetterError(str(error) or type(error).__name__) from error
