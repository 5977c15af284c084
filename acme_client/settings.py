"""How is the certificate program set up? Environment variables become one frozen `Settings`.

`TABLE` is the single list: the checks and docs/acme-settings.md are made from it. What only one DNS provider needs is
its own (`providers/`, docs/dns.md).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from pathlib import Path
from typing import Any

from acme_client.domains import Groups, parse_groups, parse_tenants
from acme_client.name_servers import Endpoint
from acme_client.secret import SecretError, read_secret
from acme_client.spelling import ALL_BUT_ALIKE, near
from acme_client.values import (
    holds_userinfo,
    is_http,
    parse_backend_url,
    parse_base64url,
    parse_count,
    parse_directories,
    parse_duration,
    parse_email,
    parse_flag,
    parse_folder,
    parse_optional_file,
    parse_optional_text,
    parse_optional_word,
    parse_port,
    parse_resolvers,
    parse_server_domain,
)


class SettingsError(ValueError):
    """A setting holds what it must not. The text is one line: the variable, what it held, what it wants."""


@unique
class KeyType(StrEnum):
    """The kind of a certificate's private key."""

    EC256 = "ec256"
    EC384 = "ec384"
    RSA2048 = "rsa2048"
    RSA4096 = "rsa4096"


def _key_type(text: str) -> KeyType:
    try:
        return KeyType(text.lower())
    except ValueError:  # its own words are Python's
        raise ValueError from None


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
            is_hidden = self.is_secret or holds_userinfo(text)
            held = "something else" if is_hidden else repr(text)
            detail = f" ({error})" if str(error) and not is_hidden else ""
            raise SettingsError(f"{self.variable} holds {held} but wants {self.wants}{detail}") from None


# A table: one setting, one line.
# fmt: off
TABLE: tuple[Setting, ...] = (
    Setting("SERVER_DOMAIN", "the domain that tenants live under, such as example.com", parse_server_domain, "", "Gets one certificate for itself and `*.` before it; required."),
    Setting("SSL_EMAIL", "an e-mail address, or nothing", parse_email, "", "ACME account address; orders need it."),
    Setting("SSL_DOMAINS", "names separated by commas, one certificate each group between semicolons", parse_groups, "", "Further certificates, such as `example.org,*.example.org;shop.example.net`."),
    Setting("CERT_DIR", "a folder", parse_folder, "certificates", "Where certificates, accounts and records are kept; the gateway's own setting."),
    Setting("ACME_DIRECTORY_URLS", "https URLs without a user name or password, or short names such as letsencrypt, separated by commas", parse_directories, "letsencrypt", "The CAs in order of preference; a later one is asked when those before it stay down."),
    Setting("ACME_CA_FILE", "a PEM file, or nothing for the system's", parse_optional_file, "", "What the CA's own https is verified against, for a private CA."),
    Setting("ACME_EAB_KID", "the key identifier that the CA gave, or nothing", parse_optional_text, "", "External account binding, where a CA asks for it (with ACME_EAB_HMAC_KEY)."),
    Setting("ACME_EAB_HMAC_KEY", "the base64url key that the CA gave, or nothing", parse_base64url, "", "Its key.", is_secret=True),
    Setting("ACME_PROFILE", "a profile of the CA's such as classic, tlsserver or shortlived, or nothing", parse_optional_word, "", "Which kind of certificate is asked for; nothing leaves it to the CA."),
    Setting("ACME_KEY_TYPE", "ec256, ec384, rsa2048 or rsa4096", _key_type, "ec256", "Kind of the certificates' keys; each certificate has a new one."),
    Setting("ACME_PREFERRED_CHAIN", "the common name of an issuer, or nothing", parse_optional_text, "", "Takes the alternate chain whose topmost issuer has this name, when the CA offers one."),
    Setting("ACME_TENANT_WILDCARDS", "true or false", parse_flag, "false", "Get `*.<tenant>.<SERVER_DOMAIN>` for the tenants that ask for it; needs a BACKEND_URL of http or https."),
    Setting("ACME_TENANTS", "tenants separated by commas, or nothing", parse_tenants, "", "These tenants ask for it. Further ones: lines of `CERT_DIR/tenants/wishes.txt`."),
    Setting("ACME_TENANT_LIMIT_PER_WEEK", "a count of at least 1", parse_count, "20", "New tenant certificates in seven days; the rest wait their turn. Let's Encrypt allows 50 per registered domain."),
    Setting("BACKEND_URL", "the resolution API's http(s) URL without a user name or password, or file:PATH", parse_backend_url, "http://localhost:8192", "Asked whether a tenant exists; the gateway's own setting."),
    Setting("DNS_PROVIDER", "a provider of docs/dns.md, or nothing", parse_optional_text, "", "Who writes the TXT records; orders need it."),
    Setting("DNS_RESOLVERS", "addresses such as 9.9.9.9 or 127.0.0.1:5353, separated by commas", parse_resolvers, "", "Asked who speaks for a zone, instead of the system's resolvers."),
    Setting("DNS_AUTHORITATIVE_PORT", "a port from 1 to 65535", parse_port, "53", "Where the zone's name servers listen: 53 everywhere but in a laboratory."),
    Setting("DNS_PROPAGATION_TIMEOUT", "a duration such as 120, 90s or 10m", parse_duration, "120", "How long every name server of the zone gets to show a record."),
    Setting("DNS_PROPAGATION_CHECK", "true or false", parse_flag, "true", "Ask every name server of the zone before the CA does; false waits the provider's usual time instead."),
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
    _check_together(settings)
    return settings


def _check_together(settings: Settings) -> None:
    """What is right alone may be wrong beside another setting; raises SettingsError."""
    if (settings.acme_eab_kid is None) != (settings.acme_eab_hmac_key is None):
        given, missing = (
            ("ACME_EAB_KID", "ACME_EAB_HMAC_KEY") if settings.acme_eab_kid else ("ACME_EAB_HMAC_KEY", "ACME_EAB_KID")
        )
        raise SettingsError(f"{missing} holds '' but wants what the CA gave together with {given}")
    if settings.acme_tenant_wildcards and not is_http(settings.backend_url):
        text = "an http(s) URL while ACME_TENANT_WILDCARDS is on: the API is asked whether a tenant exists"
        raise SettingsError(f"BACKEND_URL holds {settings.backend_url!r} but wants {text}")


def misspelt(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that nobody reads, by what they were probably meant to be: a setting that is not set."""
    known = [*(row.variable for row in TABLE), *(f"{row.variable}_FILE" for row in TABLE if row.is_secret)]
    unset = [variable for variable in known if not environment.get(variable)]
    meant = {variable: near(variable, unset, least=ALL_BUT_ALIKE) for variable in environment if variable not in known}
    return {variable: found[0] for variable, found in meant.items() if found}


def check_account(settings: Settings) -> None:
    """Raises SettingsError when what an account with a CA needs is not set."""
    if not settings.ssl_email:
        raise SettingsError("SSL_EMAIL holds '' but wants the e-mail address that the CA may write to")


def check_orders(settings: Settings) -> None:
    """Raises SettingsError when what an order needs is not set."""
    check_account(settings)
    if not settings.dns_provider:
        raise SettingsError("DNS_PROVIDER holds '' but wants the one who writes your zone's records (docs/dns.md)")


def _text(row: Setting, environment: Mapping[str, str]) -> str:
    if not row.is_secret:
        return environment.get(row.variable, "").strip() or row.default
    try:
        return read_secret(environment, row.variable) or row.default
    except SecretError as error:
        raise SettingsError(str(error)) from error
