"""Why is a request head not carried? What an operator reads, and how validation ends early."""

from dataclasses import dataclass

from mesh_gateway.routing.verdicts import Failure

_LONGEST_REASON = 200
_LONGEST_EXCERPT = 60


@dataclass(frozen=True, slots=True)
class Rejection:
    """A head that is not carried. `reason` is short, with control bytes escaped, and never sent to a client."""

    failure: Failure
    reason: str


class HeadError(Exception):
    """Ends the validation of a head; the public functions of `head.py` return its `rejection`."""

    def __init__(self, failure: Failure, reason: str) -> None:
        super().__init__(reason)
        self.rejection = Rejection(failure, reason[:_LONGEST_REASON])


def malformed(reason: str, value: bytes = b"") -> HeadError:
    """The error of a head that breaks the protocol, with an excerpt of the bytes that do."""
    excerpt = f": {value[:_LONGEST_EXCERPT]!r}" if value else ""
    return HeadError(Failure.BAD_REQUEST, reason + excerpt)
