"""How does somebody who waits for DNS see what is waited for?"""

from collections.abc import Sequence
from typing import TextIO

from acme_client.authoritative import Seen
from acme_client.propagation import Progress, Survey

_UP_AND_CLEAR = "\x1b[{lines}F\x1b[J"
"""To the first column some lines up, then clear to the end (ECMA-48 8.3.13, 8.3.39)."""
_MARKS = {Seen.SHOWN: "has it", Seen.UNREACHABLE: "left out, no route"}


def progress_on(stream: TextIO, *, terminal_type: str = "") -> Progress:
    """In place on a terminal, one line per change anywhere else and where `terminal_type` (TERM) is "dumb"."""
    draws = stream.isatty() and terminal_type != "dumb"
    return TerminalProgress(stream) if draws else LineProgress(stream)


class TerminalProgress:
    """A table of servers that is drawn anew in its own place. Its state is how many lines it drew."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._drawn = 0

    def looked(self, surveys: Sequence[Survey]) -> None:
        lines = [line for survey in surveys for line in _table(survey)]
        up = _UP_AND_CLEAR.format(lines=self._drawn) if self._drawn else ""
        self._stream.write(up + "\n".join(lines) + "\n")
        self._stream.flush()
        self._drawn = 0 if all(survey.is_complete for survey in surveys) else len(lines)


class LineProgress:
    """One line per name whenever another set of servers is waited for. Its state is the last line of each name."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._said: dict[str, str] = {}

    def looked(self, surveys: Sequence[Survey]) -> None:
        said = {survey.name: survey.lacking or "every name server shows it" for survey in surveys}
        for survey in surveys:
            if self._said.get(survey.name) != said[survey.name]:
                self._stream.write(f"TXT {survey.name} {said[survey.name]}{_time_left(survey)}\n")
        self._stream.flush()
        self._said = said


def _table(survey: Survey) -> list[str]:
    width = max(len(server.name) for server, _ in survey.seen)
    rows = [f"  {server.name:<{width}}  {_MARKS.get(seen, seen)}" for server, seen in survey.seen]
    return [f"TXT {survey.name}{_time_left(survey)}", *rows]


def _time_left(survey: Survey) -> str:
    return "" if survey.is_complete else f" ({survey.seconds_left:.0f} s left)"
