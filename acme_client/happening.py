"""What has happened? One line each, for the log; the keys are fixed."""

import contextlib
import io
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum, unique
from typing import override


@unique
class Event(StrEnum):
    """What happened."""

    STARTED = "started"
    DUE = "due"
    REHEARSED = "rehearsed"
    ISSUED = "issued"
    FAILED = "failed"
    REFUSED = "refused"
    WAITING = "waiting"
    NOTED = "noted"
    WARNED = "warned"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One happening. What does not apply is None and left out of the line."""

    event: Event
    name: str | None = None
    """Of the certificate."""
    reason: str | None = None
    directory: str | None = None
    serial: str | None = None
    until: datetime | None = None
    """A certificate's end, or the moment of the next attempt."""
    kind: str | None = None
    """Of the error."""
    message: str | None = None


Tell = Callable[[Happening], None]


def line(happening: Happening, now: datetime) -> str:
    """`time=... event=... name=...`: words bare, all else as a JSON text; no newline within."""
    pairs = [("time", _moment(now)), *((each.name, getattr(happening, each.name)) for each in fields(happening))]
    return " ".join(f"{key}={_shown(value)}" for key, value in pairs if value is not None)


def _shown(value: str | datetime) -> str:
    text = _moment(value) if isinstance(value, datetime) else str(value)
    return text if text and text.isprintable() and not set(text) & set(' "=\\') else json.dumps(text, ensure_ascii=True)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


class Told(io.StringIO):
    """A stream whose lines are told as happenings and not kept, for what only knows how to write."""

    def __init__(self, tell: Tell) -> None:
        super().__init__()
        self._tell = tell

    @override
    def write(self, text: str, /) -> int:
        for written in text.splitlines():
            self._tell(Happening(event=Event.NOTED, message=written))
        return len(text)


class Warnings(logging.Handler):
    """Tells of what the program's modules log, in the same lines."""

    def __init__(self, tell: Tell) -> None:
        super().__init__(logging.INFO)
        self._tell = tell

    @override
    def emit(self, record: logging.LogRecord) -> None:
        event = Event.WARNED if record.levelno >= logging.WARNING else Event.NOTED
        self._tell(Happening(event=event, message=record.getMessage()))


@contextlib.contextmanager
def warnings_told(tell: Tell) -> Iterator[None]:
    """While inside, `tell` hears what `acme_client` logs."""
    logger, warnings = logging.getLogger("acme_client"), Warnings(tell)
    before = logger.level, logger.propagate
    logger.addHandler(warnings)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(warnings)
        logger.setLevel(before[0])
        logger.propagate = before[1]
