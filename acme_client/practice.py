"""Would an order succeed after a failure? A staging CA shows it, whose limits do not matter."""

from acme_client.errors import AcmeError, ErrorKind
from acme_client.happening import Event, Happening, Tell
from acme_client.issuer import Issuer, Order
from acme_client.wanted import Wanted

ABOUT_THE_CA = frozenset(
    {
        ErrorKind.CA_UNREACHABLE,
        ErrorKind.CA_UNAVAILABLE,
        ErrorKind.RATE_LIMITED,
        ErrorKind.ACCOUNT,
        ErrorKind.CAA,  # a record may name one account (RFC 8657 3), and ours with the staging is another
    }
)
"""Failures with a staging CA that say nothing about the real order."""


def practise(wanted: Wanted, issuer: Issuer, tell: Tell) -> None:
    """Whether the CA's staging, where it has one, would sign; raises AcmeError when it would not."""
    staging = issuer.rehearsal()
    if staging is None:
        return
    try:
        staging.issue(Order(wanted.names))
    except AcmeError as error:
        if error.kind not in ABOUT_THE_CA:
            raise AcmeError(error.kind, f"Tried with {staging.directory} first: {error}") from error
    else:
        tell(Happening(event=Event.REHEARSED, name=wanted.name, directory=staging.directory))
