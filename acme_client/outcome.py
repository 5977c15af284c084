"""What came of looking after one certificate?"""

from dataclasses import dataclass
from datetime import datetime

from acme_client.errors import AcmeError
from acme_client.happening import Event, Happening
from acme_client.pair import Leaf
from acme_client.record import Record
from acme_client.renewal import Reason


@dataclass(frozen=True, slots=True)
class Rested:
    """Nothing was to do."""

    until: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class Renewed:
    """A new certificate is live."""

    leaf: Leaf
    until: datetime
    """The next renewal."""
    is_new: bool
    """Whether none of that name was live before."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It was due, and could not be had."""

    error: AcmeError
    until: datetime
    """The next attempt."""


Outcome = Rested | Renewed | Failed


def with_advice(error: AcmeError) -> str:
    """What happened, and what can be done."""
    return f"{str(error).rstrip('.')}. {error.remedy.advice}"


def issuance(name: str, leaf: Leaf, directory: str | None) -> Happening:
    """Of a new certificate; `until` is its end."""
    return Happening(event=Event.ISSUED, name=name, directory=directory, serial=leaf.serial, until=leaf.not_after)


def failure(name: str, error: AcmeError, until: datetime, directory: str | None = None) -> Happening:
    """Of an attempt that failed, or of a fault before any; `until` is the next one."""
    return Happening(
        event=Event.FAILED, name=name, directory=directory, until=until, kind=error.kind, message=with_advice(error)
    )


def waiting(record: Record, until: datetime) -> Happening:
    """Of a certificate that is due and not tried before `until`: what failed, and how it is tried at once."""
    if record.last_error:
        cause = record.last_error.message.rstrip(".")
    elif record.out_of_turn and not record.cut_off:
        cause = "it was ordered just now, and again something else than its age asks for another: its settings or files"
    else:
        cause = "attempts were killed on and on"
    message = f"{cause}; try now with: scripts/acme forget-failures {record.name}"
    return Happening(event=Event.WAITING, name=record.name, until=until, message=message)
