"""Which CAs are known by a short name, and which of them is whose staging?"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from acme_client.spelling import near


@dataclass(frozen=True, slots=True)
class Known:
    """One CA that has a short name."""

    url: str
    staging: str | None = None
    """The short name of the one to practise on."""
    is_staging: bool = False
    """Whether nobody trusts what it signs."""


# fmt: off
KNOWN: Mapping[str, Known] = MappingProxyType({
    "letsencrypt":         Known("https://acme-v02.api.letsencrypt.org/directory", "letsencrypt-staging"),
    "letsencrypt-staging": Known("https://acme-staging-v02.api.letsencrypt.org/directory", is_staging=True),
    "zerossl":             Known("https://acme.zerossl.com/v2/DV90"),
    "google":              Known("https://dv.acme-v02.api.pki.goog/directory", "google-staging"),
    "google-staging":      Known("https://dv.acme-v02.test-api.pki.goog/directory", is_staging=True),
    "sslcom":              Known("https://acme.ssl.com/sslcom-dv-ecc"),
})
# fmt: on
_BY_URL = {known.url: known for known in KNOWN.values()}


def directory_url(text: str) -> str:
    """The URL behind a short name, or the URL itself; raises ValueError for a name that nobody has."""
    if known := KNOWN.get(text.lower()):
        return known.url
    if urlsplit(text).scheme in ("http", "https"):
        return text
    meant = near(text.lower(), KNOWN)
    hint = f"did you mean {' or '.join(meant)}?" if meant else f"the short names are {', '.join(KNOWN)}"
    raise ValueError(f"{text!r} is no short name and no URL; {hint}")


def is_staging(url: str) -> bool:
    """Whether nobody trusts what this CA signs, as far as is known."""
    known = _BY_URL.get(url)
    return known is not None and known.is_staging


def staging_of(url: str) -> str | None:
    """The directory to practise on before this one, when one is known."""
    known = _BY_URL.get(url)
    return KNOWN[known.staging].url if known and known.staging else None
