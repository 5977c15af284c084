"""Who signs certificates? The seam between a certificate's life and a CA."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from acme_client.renewal import Span


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for."""

    names: tuple[str, ...]
    replaces: str | None = None
    """The identifier of the certificate that this one comes after (RFC 9773 5)."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What came back."""

    chain_pem: bytes
    """The leaf first."""
    key_pem: bytes = field(repr=False)
    certificate_id: str | None = None
    """RFC 9773 4.1."""


@dataclass(frozen=True, slots=True)
class RenewalAdvice:
    """The CA's answer to a question for renewal information (RFC 9773 4.2)."""

    window: Span
    retry_after: timedelta | None = None
    explanation_url: str | None = None


class Issuer(Protocol):
    """One CA with an account there. Every failure is an AcmeError."""

    directory: str
    """Its URL, by which it is known in records."""

    @property
    def is_staging(self) -> bool:
        """Whether nobody trusts what it signs."""
        ...

    def issue(self, order: Order) -> Signed:
        """One certificate with a new key; raises AcmeError."""
        ...

    def advice(self, certificate_id: str) -> RenewalAdvice | None:
        """When to renew; None when the CA does not say. Raises AcmeError."""
        ...

    def rehearsal(self) -> "Issuer | None":
        """The staging of this CA, where it is known to have one."""
        ...
