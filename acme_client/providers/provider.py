"""What does a DNS provider have to be able to do?"""

from dataclasses import dataclass, field
from typing import Protocol

from acme_client.errors import AcmeError, ErrorKind
from acme_client.proofs import Proof


@dataclass(frozen=True, slots=True)
class RawProof(Proof):
    """A proof with what its value was made from (RFC 8555 8.1), which lego and the RAW modes of its hooks ask for."""

    token: str
    key_authorization: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """One TXT value to add or to remove."""

    name: str
    """Where it is written: `_acme-challenge.<domain>.`, or what that is a CNAME for; with the dot at its end."""
    value: str
    domain: str
    """The name that is proved."""
    token: str = ""
    key_authorization: str = field(default="", repr=False)

    def raw(self, setting: str) -> tuple[str, str]:
        """Token and key authorization; raises AcmeError where `setting` wants them and the order did not give them."""
        if not self.token or not self.key_authorization:
            text = f"{setting} needs the challenge's token and key authorization, which are not known for {self.name}"
            raise AcmeError(ErrorKind.DNS_PROVIDER, text)
        return self.token, self.key_authorization


class Provider(Protocol):
    """Writes TXT values to a zone. Values already there under the same name stay."""

    @property
    def propagation_seconds(self) -> float:
        """How long its name servers usually take; waited for when they are not asked (DNS_PROPAGATION_CHECK=off)."""
        ...

    def add(self, entry: Entry) -> None:
        """Adds a value, or leaves it when it is there; raises AcmeError (DNS_PROVIDER, DNS_CREDENTIALS)."""
        ...

    def remove(self, entry: Entry) -> None:
        """Removes this value and no other; nothing happens when it is not there. Raises AcmeError as `add` does."""
        ...
