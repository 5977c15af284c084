"""What went wrong, whose is it to mend, and how soon may it be tried again? One table for every kind."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum, unique


@unique
class ErrorKind(StrEnum):
    """Why a certificate could not be had."""

    CA_UNREACHABLE = "ca-unreachable"
    CA_UNAVAILABLE = "ca-unavailable"
    RATE_LIMITED = "rate-limited"
    ACCOUNT = "account"
    IDENTIFIER_REJECTED = "identifier-rejected"
    CAA = "caa"
    LOOK_UP = "look-up"
    DNS_PROVIDER = "dns-provider"
    DNS_CREDENTIALS = "dns-credentials"
    PROPAGATION = "propagation"
    CHALLENGE_FAILED = "challenge-failed"
    ORDER_FAILED = "order-failed"
    BAD_CERTIFICATE = "bad-certificate"
    STORE = "store"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class Remedy:
    """What follows from a kind of error."""

    pause: timedelta
    """The least time until the next attempt; doubles with every further failure."""
    another_ca_may_help: bool
    """Whether the next directory of the list is worth a try."""
    advice: str
    """What an operator can do, one sentence."""


# fmt: off
REMEDIES: dict[ErrorKind, Remedy] = {
    ErrorKind.CA_UNREACHABLE:      Remedy(timedelta(minutes=10), True,  "Check the network, the proxy and ACME_CA_FILE; the CA is tried again by itself."),
    ErrorKind.CA_UNAVAILABLE:      Remedy(timedelta(minutes=10), True,  "The CA has a fault of its own; it is tried again by itself."),
    ErrorKind.RATE_LIMITED:        Remedy(timedelta(hours=1),    True,  "Wait; the limits of the CA say how long."),
    ErrorKind.ACCOUNT:             Remedy(timedelta(hours=6),    True,  "Check SSL_EMAIL, ACME_EAB_KID and ACME_EAB_HMAC_KEY."),
    ErrorKind.IDENTIFIER_REJECTED: Remedy(timedelta(hours=12),   True,  "The CA does not issue for this name; check SERVER_DOMAIN and SSL_DOMAINS, or choose another CA."),
    ErrorKind.CAA:                 Remedy(timedelta(hours=1),    True,  "Add the CA to the domain's CAA records, or choose a CA that they name."),
    ErrorKind.LOOK_UP:             Remedy(timedelta(minutes=10), False, "Check the machine's resolvers or DNS_RESOLVERS, and the domain's delegation and DNSSEC."),
    ErrorKind.DNS_PROVIDER:        Remedy(timedelta(minutes=30), False, "Check DNS_PROVIDER and whether its API can be reached."),
    ErrorKind.DNS_CREDENTIALS:     Remedy(timedelta(hours=1),    False, "Check the DNS provider's credentials and what they may change."),
    ErrorKind.PROPAGATION:         Remedy(timedelta(minutes=30), False, "Check that every name server of the zone gets the record; raise DNS_PROPAGATION_TIMEOUT for slow ones."),
    ErrorKind.CHALLENGE_FAILED:    Remedy(timedelta(hours=1),    False, "The CA did not see the record; check the zone's delegation, DNSSEC and name servers."),
    ErrorKind.ORDER_FAILED:        Remedy(timedelta(hours=1),    True,  "The CA's words are above."),
    ErrorKind.BAD_CERTIFICATE:     Remedy(timedelta(hours=1),    True,  "The CA sent something that cannot serve; the certificate from before stays."),
    ErrorKind.STORE:               Remedy(timedelta(minutes=10), False, "Check CERT_DIR: its owner, its rights and the space left."),
    ErrorKind.LOCKED:              Remedy(timedelta(minutes=1),  False, "Another instance is at work on it."),
}
# fmt: on


class AcmeError(Exception):
    """A certificate could not be had. The text says in plain words what was tried and what happened; no secrets."""

    def __init__(self, kind: ErrorKind, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after
        """What the CA asked for (RFC 8555 6.6), where it did."""

    @property
    def remedy(self) -> Remedy:
        return REMEDIES[self.kind]
