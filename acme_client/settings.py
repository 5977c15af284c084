"""How is the certificate program set up? Environment variables become one frozen `Settings`.

`TABLE` is the single list: the checks and docs/acme-settings.md are made from it. What only one DNS provider needs is
its own (`providers/`, docs/dns.md).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from acme_client.directories import directory_url
from acme_client.domains import Groups, parse_domain, parse_groups, parse_tenants
from acme_client.errors import AcmeError
from acme_client.name_servers import Endpoint

_DURATION_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_MOST_SECRET_BYTES = 64 << 10


class SettingsError(ValueError):
    """A setting holds what it must not. The text is one line: the variable, what it held, what it wants."""


@unique
class KeyType(StrEnum):
    """The kind of a certificate's private key."""

    EC256 = "ec256"
    EC384 = "ec384"
    RSA2048 = "rsa2048"
    RSA4096 = "rsa4096"


_USERINFO = re.compile(r"//[^/?#,\s]*@")


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table. The field of `Settings` is the variable's name in lower case."""

    variable: str
    wants: str
    """What a right value looks like; completes "wants ...". """
    parse: Callable[[str], Any]
    """Text to value; raises ValueError for a wrong one."""
    default: str
    help: str
    is_secret: bool = False
    """Never shown; may be in a file that `<variable>_FILE` names."""

    def read(self, text: str) -> Any:
        """The value of `text`; raises SettingsError for a wrong one."""
        try:
            return self.parse(text.strip())
        except ValueError as error:
            held = "something else" if self.is_secret or _USERINFO.search(text) else repr(text)
            detail = f" ({error})" if str(error) and not self.is_secret else ""
            raise SettingsError(f"{self.variable} holds {held} but wants {self.wants}{detail}") from None


def _server_domain(text: str) -> str:
    if not text:
        raise ValueError("it is required")
    return parse_domain(text.lower().removeprefix("."))


def _email(text: str) -> str:
    # RFC 8555 7.3 leaves the judgement to the CA; this finds a forgotten @ and two addresses in one.
    if text and not re.fullmatch(r"[^@\s,;]+@[^@\s,;]+", text):
        raise ValueError
    return text


def _folder(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # nobody of that name, or a container's user without HOME
        raise ValueError("the home folder is not known") from error


def _optional_file(text: str) -> Path | None:
    return _folder(text) if text else None


def _directories(text: str) -> tuple[str, ...]:
    _refuse_userinfo(text)
    try:
        found = tuple(dict.fromkeys(directory_url(part.strip()) for part in text.split(",") if part.strip()))
    except AcmeError as error:
        raise ValueError(error) from error
    if not found:
        raise ValueError
    for directory in found:
        url = urlsplit(directory)
        if url.scheme != "https" or not url.hostname:  # RFC 8555 6.1
            raise ValueError(f"{directory} is not https")
    return found


def _http_url(text: str) -> str:
    _refuse_userinfo(text)
    url = urlsplit(text)
    if url.scheme not in ("http", "https", "file") or (url.scheme != "file" and not url.hostname):
        raise ValueError
    return text.rstrip("/")


def _refuse_userinfo(url: str) -> None:
    """URLs are shown in logs and kept in records, where a password has no place (RFC 9110 4.2.4)."""
    if _USERINFO.search(url):
        raise ValueError("without a user name or password in it")


def _optional_word(text: str) -> str | None:
    if text and not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text):
        raise ValueError
    return text or None


def _optional_text(text: str) -> str | None:
    return text or None


def _base64url(text: str) -> str | None:
    if text and not re.fullmatch(r"[A-Za-z0-9_-]+=*", text):
        raise ValueError
    return text or None


def _flag(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off", ""):
        return False
    raise ValueError


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) < 1:
        raise ValueError
    return int(text)


def _port(text: str) -> int:
    port = _count(text)
    if port > 65535:  # noqa: PLR2004 - 16 bits
        raise ValueError
    return port


def _duration(text: str) -> float:
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*([smh]?)", text.lower())
    if not match or float(match[1]) <= 0:
        raise ValueError
    return float(match[1]) * _DURATION_UNITS[match[2]]


def _resolvers(text: str) -> tuple[Endpoint, ...]:
    return tuple(Endpoint.parse(part.strip()) for part in text.split(",") if part.strip())


# A table: one setting, one line.
# fmt: off
TABLE: tuple[Setting, ...] = (
    Setting("SERVER_DOMAIN", "the domain that tenants live under, such as example.com", _server_domain, "", "Gets one certificate for itself and `*.` before it; required."),
    Setting("SSL_EMAIL", "an e-mail address, or nothing", _email, "", "ACME account address; orders need it."),
    Setting("SSL_DOMAINS", "names separated by commas, one certificate each group between semicolons", parse_groups, "", "Further certificates, such as `example.org,*.example.org;shop.example.net`."),
    Setting("CERT_DIR", "a folder", _folder, "certificates", "Where certificates, accounts and records are kept; the gateway's own setting."),
    Setting("ACME_DIRECTORY_URLS", "https URLs or short names such as letsencrypt, separated by commas", _directories, "letsencrypt", "The CAs in order of preference; a later one is asked when those before it stay down."),
    Setting("ACME_CA_FILE", "a PEM file, or nothing for the system's", _optional_file, "", "What the CA's own https is verified against, for a private CA."),
    Setting("ACME_EAB_KID", "the key identifier that the CA gave, or nothing", _optional_text, "", "External account binding, where a CA asks for it (with ACME_EAB_HMAC_KEY)."),
    Setting("ACME_EAB_HMAC_KEY", "the base64url key that the CA gave, or nothing", _base64url, "", "Its key.", is_secret=True),
    Setting("ACME_PROFILE", "a profile of the CA's such as classic, tlsserver or shortlived, or nothing", _optional_word, "", "Which kind of certificate is asked for; nothing leaves it to the CA."),
    Setting("ACME_KEY_TYPE", "ec256, ec384, rsa2048 or rsa4096", lambda text: KeyType(text.lower()), "ec256", "Kind of the certificates' keys; each certificate has a new one."),
    Setting("ACME_PREFERRED_CHAIN", "the common name of an issuer, or nothing", _optional_text, "", "Takes the alternate chain whose topmost issuer has this name, when the CA offers one."),
    Setting("ACME_TENANT_WILDCARDS", "true or false", _flag, "false", "Get `*.<tenant>.<SERVER_DOMAIN>` for the tenants that ask for it."),
    Setting("ACME_TENANTS", "tenants separated by commas, or nothing", parse_tenants, "", "These tenants ask for it. Further ones: lines of `CERT_DIR/tenants/wishes.txt`."),
    Setting("ACME_TENANT_LIMIT_PER_WEEK", "a count of at least 1", _count, "20", "New tenant certificates in seven days; the rest wait their turn. Let's Encrypt allows 50 per registered domain."),
    Setting("BACKEND_URL", "the resolution API's http(s) URL, or file:PATH", _http_url, "http://localhost:8192", "Asked whether a tenant exists; the gateway's own setting."),
    Setting("DNS_PROVIDER", "a provider of docs/dns.md, or nothing", _optional_text, "", "Who writes the TXT records; orders need it."),
    Setting("DNS_RESOLVERS", "name servers such as 9.9.9.9 or 127.0.0.1:5353, separated by commas", _resolvers, "", "Asked who speaks for a zone, instead of the system's resolvers."),
    Setting("DNS_AUTHORITATIVE_PORT", "a port from 1 to 65535", _port, "53", "Where the zone's name servers listen: 53 everywhere but in a laboratory."),
    Setting("DNS_PROPAGATION_TIMEOUT", "a duration such as 120, 90s or 10m", _duration, "120", "How long every name server of the zone gets to show a record."),
    Setting("DNS_PROPAGATION_CHECK", "true or false", _flag, "true", "Ask every name server of the zone before the CA does; false waits the provider's usual time instead."),
)
# fmt: on


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that is set, parsed once. Durations are seconds."""

    server_domain: str
    ssl_email: str
    ssl_domains: Groups
    cert_dir: Path
    acme_directory_urls: tuple[str, ...]
    acme_ca_file: Path | None
    acme_eab_kid: str | None
    acme_eab_hmac_key: str | None = field(repr=False)
    acme_profile: str | None
    acme_key_type: KeyType
    acme_preferred_chain: str | None
    acme_tenant_wildcards: bool
    acme_tenants: tuple[str, ...]
    acme_tenant_limit_per_week: int
    backend_url: str
    dns_provider: str | None
    dns_resolvers: tuple[Endpoint, ...]
    dns_authoritative_port: int
    dns_propagation_timeout: float
    dns_propagation_check: bool


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings; what is missing has its default. Raises SettingsError for the first wrong value, in the table's order."""
    settings = Settings(**{row.variable.lower(): row.read(_text(row, environment)) for row in TABLE})
    if (settings.acme_eab_kid is None) != (settings.acme_eab_hmac_key is None):
        given, missing = (
            ("ACME_EAB_KID", "ACME_EAB_HMAC_KEY") if settings.acme_eab_kid else ("ACME_EAB_HMAC_KEY", "ACME_EAB_KID")
        )
        raise SettingsError(f"{missing} holds '' but wants what the CA gave together with {given}")
    return settings


def check_orders(settings: Settings) -> None:
    """Raises SettingsError when what an order needs is not set."""
    if not settings.ssl_email:
        raise SettingsError("SSL_EMAIL holds '' but wants the e-mail address that the CA may write to")
    if not settings.dns_provider:
        raise SettingsError("DNS_PROVIDER holds '' but wants the one who writes your zone's records (docs/dns.md)")


def _text(row: Setting, environment: Mapping[str, str]) -> str:
    file = f"{row.variable}_FILE"
    if row.is_secret and not environment.get(row.variable, "").strip() and environment.get(file, "").strip():
        return _held(file, Path(environment[file].strip()))
    return environment.get(row.variable, "").strip() or row.default


def _held(variable: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_SECRET_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingsError(f"{variable} holds {str(path)!r} but wants a file that can be read ({reason})") from error
