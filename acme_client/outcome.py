"""What came of looking after one certificate?"""

from dataclasses import dataclass
from datetime import datetime

from acme_client.errors import AcmeError
from acme_client.pair import Leaf
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
