"""What must be shown in DNS, and who shows it? The seam between an order and the zone (RFC 8555 8.4)."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

Clock = Callable[[], datetime]
"""The time now, aware and in UTC."""
Wait = Callable[[float], None]
"""Lets seconds pass; raises whatever ends the program when that is asked for meanwhile."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One TXT value that the CA will look for."""

    domain: str
    """The name to be proved, without `*.`, A-labels."""
    value: str
    """The digest of the key authorization, base64url (RFC 8555 8.4)."""

    @property
    def record(self) -> str:
        """The record's name, with the dot at its end."""
        return f"_acme-challenge.{self.domain}."


class Prover(Protocol):
    """Shows proofs in DNS."""

    def published(self, proofs: Sequence[Proof]) -> AbstractContextManager[None]:
        """While inside, every authoritative server shows all `proofs`; afterwards none is left of them.

        Raises AcmeError (DNS_PROVIDER, DNS_CREDENTIALS, PROPAGATION).
        """
        ...
