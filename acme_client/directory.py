"""What does a CA offer, and where (RFC 8555 7.1.1)?"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import acme.messages

from acme_client.errors import AcmeError, ErrorKind
from acme_client.network import Network, making_sense
from acme_client.problems import plain

_NEEDED = ("newNonce", "newAccount", "newOrder")


@dataclass(frozen=True, slots=True)
class Directory:
    """A CA's resources and what it says of itself."""

    url: str
    resources: acme.messages.Directory
    """As the acme library wants it."""
    caa_identities: tuple[str, ...]
    """Its own names in CAA records (RFC 8659)."""
    profiles: Mapping[str, str]
    """Name to description; empty when it has none (draft-ietf-acme-profiles)."""
    terms: str | None
    """Where its terms of service can be read."""
    wants_binding: bool
    """Whether an account must be bound to one that exists elsewhere (RFC 8555 7.3.4)."""
    renewal_info: str | None
    """Where it suggests moments of renewal (RFC 9773 4.1), without a slash at its end."""


def fetch_directory(url: str, network: Network) -> Directory:
    """Asks the CA; raises AcmeError (CA_UNREACHABLE, CA_UNAVAILABLE, RATE_LIMITED)."""
    with making_sense(url):
        return parse_directory(url, network.get(url).json())


def parse_directory(url: str, document: object) -> Directory:
    """Raises AcmeError (CA_UNAVAILABLE) for what is no directory. What it says of itself in a wrong form is left out."""
    if not isinstance(document, dict) or not all(_is_url(document.get(name)) for name in _NEEDED):
        text = f"{url} is no ACME directory: {', '.join(_NEEDED)} are wanted; check ACME_DIRECTORY_URLS"
        raise AcmeError(ErrorKind.CA_UNAVAILABLE, text)
    meta = document.get("meta")
    if not isinstance(meta, dict):
        meta = {}
    identities, profiles, terms = meta.get("caaIdentities"), meta.get("profiles"), meta.get("termsOfService")
    renewal_info = document.get("renewalInfo")
    return Directory(
        url,
        acme.messages.Directory({name: value for name, value in document.items() if _is_url(value)}),
        tuple(one for one in identities if isinstance(one, str)) if isinstance(identities, list) else (),
        {plain(name): plain(str(text)) for name, text in profiles.items()} if isinstance(profiles, dict) else {},
        plain(terms) if isinstance(terms, str) and terms else None,
        meta.get("externalAccountRequired") is True,
        renewal_info.rstrip("/") if isinstance(renewal_info, str) and _is_url(renewal_info) else None,
    )


def _is_url(value: object) -> bool:
    return isinstance(value, str) and urlsplit(value).scheme in ("http", "https")
