"""Which record proves a name once and for all, and is it there (dns-persist-01, draft-ietf-acme-dns-persist-01)?

It names the CA and the account and stays, so renewals change nothing in DNS. Offered by few CAs so far.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dns.rdtypes.ANY.TXT import TXT

from acme_client.caa import parse_issue
from acme_client.look_up import Resolver

METHOD = "dns-persist-01"
MOST_ISSUERS = 10
"""More make the challenge malformed (section 3.1 of the draft)."""
_MAX_STRING_BYTES = 255
"""Of one string in a TXT record (RFC 1035 3.3)."""


@dataclass(frozen=True, slots=True)
class PersistRecord:
    """The TXT record that lets one account have certificates for one name."""

    domain: str
    """Without `*.`."""
    issuer: str
    account_uri: str
    is_wildcard: bool
    """Whether names below are meant too (`policy=wildcard`)."""
    until: datetime | None = None
    """After which it proves nothing more; None for always."""

    @property
    def name(self) -> str:
        """Where it is set, with the dot at its end."""
        return f"_validation-persist.{self.domain}."

    @property
    def value(self) -> str:
        parts = [self.issuer, f"accounturi={self.account_uri}"]
        parts += ["policy=wildcard"] if self.is_wildcard else []
        parts += [f"persistUntil={self.until.timestamp():.0f}"] if self.until else []
        return "; ".join(parts)

    @property
    def zone_line(self) -> str:
        """As it stands in a zone file, in as many strings as its length needs."""
        value = self.value
        strings = (value[at : at + _MAX_STRING_BYTES] for at in range(0, len(value), _MAX_STRING_BYTES))
        return f"{self.name} IN TXT {' '.join(f'"{string}"' for string in strings)}"


def persist_records(names: Sequence[str], issuer: str, account_uri: str) -> tuple[PersistRecord, ...]:
    """The records for a certificate's names, one for each name without its `*.`, in the order of the names."""
    domains = dict.fromkeys(name.removeprefix("*.") for name in names)
    return tuple(PersistRecord(one, issuer, account_uri, is_wildcard=f"*.{one}" in names) for one in domains)


def issuers_of(challenge: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the CA that a challenge offers for the record; raises ValueError for a malformed challenge."""
    issuers = challenge.get("issuer-domain-names")
    if not isinstance(issuers, list) or not 0 < len(issuers) <= MOST_ISSUERS:
        raise ValueError(f"issuer-domain-names must be a list of 1 to {MOST_ISSUERS} names")
    if not all(isinstance(issuer, str) and 0 < len(issuer) <= 253 for issuer in issuers):  # noqa: PLR2004 - RFC 1035 2.3.4
        raise ValueError("issuer-domain-names must hold domain names")
    return tuple(issuers)


def is_set(record: PersistRecord, resolver: Resolver, now: datetime) -> bool:
    """Whether a record in DNS proves what `record` would; raises LookUpError when that cannot be found out."""
    found = (one for one in resolver.records(record.name, "TXT") if isinstance(one, TXT))
    return any(proves(b"".join(one.strings).decode("ascii", "replace"), record, now) for one in found)


def proves(value: str, record: PersistRecord, now: datetime) -> bool:
    """Whether a TXT value stands for the same CA and account, for no less, and still (section 4 of the draft)."""
    issuer, parameters = parse_issue(value)
    if issuer != record.issuer.lower() or parameters.get("accounturi") != record.account_uri:
        return False
    if record.is_wildcard and parameters.get("policy", "").lower() != "wildcard":
        return False
    until = parameters.get("persistuntil")
    return until is None or (until.isdecimal() and int(until) > now.timestamp())
