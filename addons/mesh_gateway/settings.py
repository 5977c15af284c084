"""How is this gateway set up? Environment variables and mitmproxy options become one frozen `Settings`.

`TABLE` is the single list: the options, the checks and docs/settings.md are all made from it.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network

_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_HOSTNAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")


@unique
class TrafficPath(StrEnum):
    """Which way requests take through the process."""

    AUTO = "auto"
    FAST = "fast"
    FLOW = "flow"


class SettingsError(ValueError):
    """A setting holds what it must not. The text is one line: the variable, what it held, what it wants."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table. The option's name is the variable's in lower case."""

    variable: str
    wants: str
    """What a right value looks like; completes "wants ...". """
    parse: Callable[[str], Any]
    """Text to value; raises ValueError for a wrong one."""
    default: str
    help: str

    @property
    def option(self) -> str:
        return self.variable.lower()

    @property
    def type(self) -> type[str | int | bool]:
        """The type of the mitmproxy option; mitmproxy knows no durations, sizes or lists of networks."""
        return _OPTION_TYPES.get(self.parse, str)

    def to_option(self, text: str) -> str | int | bool:
        """The option's value for a variable's text; raises SettingsError for a wrong one."""
        value: str | int | bool = text if self.type is str else self.read(text)
        return value

    def read(self, text: str) -> Any:
        """The value of `text`; raises SettingsError for a wrong one."""
        try:
            return self.parse(text.strip())
        except ValueError as error:
            detail = f" ({error})" if str(error) else ""
            message = f"{self.variable} holds {text!r} but wants {self.wants}{detail}"
            raise SettingsError(message) from error


def _domain(text: str) -> str:
    domain = text.lower().removeprefix(".").removesuffix(".")
    if not _HOSTNAME.fullmatch(domain) or len(domain) > 253:  # noqa: PLR2004 - RFC 1035 2.3.4
        raise ValueError
    if domain.rpartition(".")[2].isdecimal():
        raise ValueError("an address has no names under it")  # WHATWG URL: a last label of digits makes an IPv4 address
    return domain


def _backend(text: str) -> str:
    if text.startswith("file:"):
        if not text.removeprefix("file:"):
            raise ValueError("the path is missing")
        return text
    return _http_url(text).rstrip("/")


def _http_url(text: str) -> str:
    # urlsplit drops tabs and newlines silently, and does not tell an empty query from none.
    if _BLANK.search(text) or "?" in text or "#" in text:
        raise ValueError("no blanks, no query, no fragment")
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.port == 0:  # .port raises for one out of range
        raise ValueError
    return text


def _optional(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: parse(text) if text else None


def _integer(text: str) -> int:
    # int() also takes signs, underscores and other scripts' digits, and its own complaint says nothing of use.
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise ValueError
    return int(text)


def _port(text: str) -> int:
    port = _integer(text)
    if not 1 <= port <= 65535:  # noqa: PLR2004
        raise ValueError
    return port


def _optional_port(text: str) -> int | None:
    return None if text in ("", "0", "off") else _port(text)


def _count(text: str) -> int:
    count = _integer(text)
    if count < 1:
        raise ValueError
    return count


def _count_or_zero(text: str) -> int:
    return 0 if text in ("", "0", "off") else _count(text)


def parse_duration(text: str) -> float:
    """Seconds of `90`, `1.5s`, `500ms`, `5m`, `24h`, `7d`; raises ValueError for anything else or for less than 0."""
    match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*(ms|s|m|h|d)?", text.lower())
    if not match:
        raise ValueError
    return float(match[1]) * _DURATION_UNITS[match[2] or ""]


def _positive_duration(text: str) -> float:
    seconds = parse_duration(text)
    if seconds <= 0:
        raise ValueError
    return seconds


def parse_size(text: str) -> int:
    """Bytes of `1048576`, `64k`, `32KiB`, `20GiB`; the units are binary. Raises ValueError for anything else."""
    match = re.fullmatch(r"([0-9]{1,15})\s*(?:b|([kmgt])(?:i?b)?)?", text.lower())
    if not match:
        raise ValueError
    return int(match[1]) * _SIZE_UNITS[match[2] or ""]


def _positive_size(text: str) -> int:
    # 0 would refuse every request, and elsewhere often means "no limit": nobody means the first.
    size = parse_size(text)
    if size < 1:
        raise ValueError
    return size


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError from None  # its complaint repeats ours


def _optional_address(text: str) -> str:
    return _address(text) if text else ""


def _flag(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off", ""):
        return False
    raise ValueError


def _email(text: str) -> str:
    # RFC 8555 7.3 leaves the judgement to the CA; this finds a forgotten @ and two addresses in one.
    if text and not re.fullmatch(r"[^@\s,;]+@[^@\s,;]+", text):
        raise ValueError
    return text


def _folder_name(text: str) -> str:
    if "/" in text or text in (".", ".."):
        raise ValueError
    return text


def _path(text: str) -> Path:
    if not text:
        raise ValueError
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # a numeric user of a container, without HOME
        raise ValueError("the home folder is not known") from error


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text):
        raise ValueError
    return text


def _traffic_path(text: str) -> TrafficPath:
    return TrafficPath(text.lower())


_A_DURATION = "a duration such as 30, 1.5s, 500ms, 5m or 24h"
_A_SIZE = "a size in bytes such as 65536, 64k or 20GiB"
_A_PORT = "a port from 1 to 65535"
_NETWORKS = "a comma-separated list of networks such as 10.0.0.0/8,fd00::/8"
_FLAG = "true or false"

# A table: one setting, one line.
# fmt: off
TABLE: tuple[Setting, ...] = (
    Setting("SERVER_DOMAIN", "the domain that tenants live under, such as example.com", _domain, "", "Domain suffix of all tenants; required."),
    Setting("BACKEND_URL", "the resolution API's http(s) URL, or file:PATH of a routes file", _backend, "http://localhost:8192", "Resolution API; may have a path. `file:PATH` reads routes from a JSON or YAML file."),
    Setting("BACKEND_NAMESERVER", "the IP address of one name server, or nothing", _optional_address, "", "Name server that looks up the API's host name instead of the system's resolver."),
    Setting("CACHE_TTL", _A_DURATION, _positive_duration, "60", "How long a resolution stays fresh, unless its `routesTtl` is shorter."),
    Setting("SSL_EMAIL", "an e-mail address, or nothing", _email, "", "ACME account address for automatic certificates."),
    Setting("PORT", _A_PORT, _port, "80", "Port for http."),
    Setting("SSL_PORT", "a port from 1 to 65535, or off", _optional_port, "443", "Port for https; listens when a certificate is at hand. `off` or `0`: no https."),
    Setting("LISTEN_ADDRESS", "an IP address, or nothing for all", _optional_address, "", "Address that the public ports listen on."),
    Setting("DEFAULT_BACKEND", "an http(s) URL, or nothing", _optional(_http_url), "", "Where names without a tenant go (landing page); empty answers 404."),
    Setting("ADMIN_PORT", "a port from 1 to 65535, or off", _optional_port, "9180", "Port of the admin listener: health, readiness, metrics. `off` or `0`: none."),
    Setting("ADMIN_ADDRESS", "an IP address", _address, "127.0.0.1", "Address of the admin listener."),
    Setting("TRUSTED_PROXIES", _NETWORKS, _networks, "", "Peers whose X-Forwarded-* and X-Mesh-* fields are honoured."),
    Setting("ROUTE_NETWORKS", _NETWORKS, _networks, "10.77.0.0/16", "Non-public networks that routes may point into; all others are refused."),
    Setting("CERT_DIR", "a folder", _path, "certificates", "Folder of certificates, in any of the layouts of docs/certificates.md; new ones are served without a restart."),
    Setting("DEFAULT_CERTIFICATE", "the name of a certificate in CERT_DIR, or nothing", _folder_name, "", "Certificate for clients with an unknown or no SNI; empty refuses them."),
    Setting("ACME", _FLAG, _flag, "true", "With `SSL_EMAIL` set, `scripts/run` obtains and renews certificates; false leaves that to others."),
    Setting("HTTPS_REDIRECT", _FLAG, _flag, "false", "Send http requests for names that a certificate covers to https (308). Not behind an edge that ends TLS without telling so in X-Forwarded-Proto."),
    Setting("HSTS", _A_DURATION + ", or 0 for none", parse_duration, "0", "How long browsers shall use https only (Strict-Transport-Security), said over https only; hard to take back."),
    Setting("UPSTREAM_CA_FILE", "a PEM file, or nothing for the system's", _optional(_path), "", "Certification authorities that upstream certificates are verified against."),
    Setting("STATE_DIR", "a folder", _path, "~/.local/state/mesh-router-gateway", "Folder for what should outlive a restart: the last good private CA."),
    Setting("STALE_TTL", _A_DURATION, parse_duration, "24h", "How old a resolution may be served while the API is down."),
    Setting("NEGATIVE_TTL", _A_DURATION, _positive_duration, "30", "How long an unknown tenant is remembered."),
    Setting("OFFLINE_TTL", _A_DURATION, _positive_duration, "10", "How long a tenant without routes is remembered."),
    Setting("RESOLVE_BUDGET", _A_DURATION, _positive_duration, "5", "Total time for asking the API on behalf of one request, retries included."),
    Setting("CACHE_ENTRIES", "a count of at least 1", _count, "200000", "Tenants held in the route cache; unknown names have a table of their own, a tenth as large."),
    Setting("HEALTH_CHECK_INTERVAL", _A_DURATION, parse_duration, "30", "How often routes that name a health check are checked while their tenant is in use; 0 for never."),
    Setting("CONNECT_TIMEOUT", _A_DURATION, _positive_duration, "5", "Time for connecting to one route, TLS included."),
    Setting("FIRST_BYTE_TIMEOUT", _A_DURATION, _positive_duration, "300", "Time from the end of the request to the first byte of the answer."),
    Setting("IDLE_TIMEOUT", _A_DURATION, _positive_duration, "300", "Time without a byte in either direction of an exchange."),
    Setting("TUNNEL_IDLE_TIMEOUT", _A_DURATION, _positive_duration, "3600", "The same for WebSockets."),
    Setting("HANDSHAKE_TIMEOUT", _A_DURATION, _positive_duration, "10", "Time for a client's TLS handshake."),
    Setting("HEADER_TIMEOUT", _A_DURATION, _positive_duration, "60", "Time for a client to send a whole request head."),
    Setting("KEEPALIVE_TIMEOUT", _A_DURATION, _positive_duration, "75", "Time an idle client connection is kept."),
    Setting("DRAIN_TIMEOUT", _A_DURATION, parse_duration, "30", "Time that running exchanges get to finish after SIGTERM."),
    Setting("MAX_BODY_SIZE", _A_SIZE, _positive_size, "20GiB", "Largest request body carried."),
    Setting("MAX_HEADER_SIZE", _A_SIZE, _positive_size, "32KiB", "Largest request head read."),
    Setting("MAX_HEADER_FIELDS", "a count of at least 1", _count, "100", "Most header fields read."),
    Setting("MAX_TARGET_SIZE", _A_SIZE, _positive_size, "8KiB", "Longest request target read."),
    Setting("MAX_CONNECTIONS", "a count of at least 1", _count, "8192", "Client connections at a time."),
    Setting("MAX_CONNECTIONS_PER_ADDRESS", "a count, or 0 for no limit", _count_or_zero, "0", "Client connections at a time from one address (trusted proxies excepted)."),
    Setting("MAX_EXCHANGES", "a count of at least 1", _count, "4096", "Requests in flight at a time; more are answered 503."),
    Setting("RATE_LIMIT", "requests per second, or 0 for no limit", _count_or_zero, "0", "Requests per second from one client address (bursts of ten seconds' worth); more are answered 429."),
    Setting("INSPECT_BODY_SIZE", _A_SIZE + ", or 0 for none", parse_size, "0", "Bodies up to this length are collected, so that mitmweb can show and edit them; larger ones stream. mitmweb defaults to 1MiB."),
    Setting("TRAFFIC_PATH", "auto, fast or flow", _traffic_path, "auto", "How requests are carried: `fast`, as flows that mitmproxy shows (`flow`), or `auto`: fast unless somebody looks on."),
    Setting("NODE_NAME", "letters, digits, dots, dashes, at most 64", _name, "", "Name of this gateway towards loops (RFC 8586); the workers of one machine share it. Default: the host's name."),
    Setting("ACCESS_LOG", _FLAG, _flag, "true", "Write one JSON line per request to standard output."),
    Setting("WORKERS", "a count of at least 1, or nothing for one per core", _optional(_count), "", "Processes that `scripts/run` starts behind the ports; empty means one for each core that it may use, `scripts/run web` and the demo have one. Limits and caches are each worker's own."),
)
# fmt: on

_OPTION_TYPES: Mapping[Callable[[str], Any], type[str | int | bool]] = {
    _flag: bool,
    _port: int,
    _count: int,
    _count_or_zero: int,
}

ROWS: Mapping[str, Setting] = {row.option: row for row in TABLE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that is set, parsed once. Durations are seconds, sizes bytes."""

    server_domain: str
    backend_url: str
    backend_nameserver: str
    cache_ttl: float
    ssl_email: str
    port: int
    ssl_port: int | None
    listen_address: str
    default_backend: str | None
    admin_port: int | None
    admin_address: str
    trusted_proxies: tuple[Network, ...]
    route_networks: tuple[Network, ...]
    cert_dir: Path
    default_certificate: str
    acme: bool
    https_redirect: bool
    hsts: float
    upstream_ca_file: Path | None
    state_dir: Path
    stale_ttl: float
    negative_ttl: float
    offline_ttl: float
    resolve_budget: float
    cache_entries: int
    health_check_interval: float
    connect_timeout: float
    first_byte_timeout: float
    idle_timeout: float
    tunnel_idle_timeout: float
    handshake_timeout: float
    header_timeout: float
    keepalive_timeout: float
    drain_timeout: float
    max_body_size: int
    max_header_size: int
    max_header_fields: int
    max_target_size: int
    max_connections: int
    max_connections_per_address: int
    max_exchanges: int
    rate_limit: int
    inspect_body_size: int
    traffic_path: TrafficPath
    node_name: str
    access_log: bool
    workers: int | None


def read_settings(values: Mapping[str, str]) -> Settings:
    """The settings of option name -> text; what is missing has its default.

    Raises SettingsError for the first wrong value, in the table's order, then for a port named twice.
    """
    texts = {row.option: values.get(row.option, row.default) for row in TABLE}
    texts["node_name"] = texts["node_name"].strip() or _host_name()
    settings = Settings(**{row.option: row.read(texts[row.option]) for row in TABLE})
    _check_ports(settings)
    return settings


def _check_ports(settings: Settings) -> None:
    owners: dict[int, str] = {}
    ports = {"PORT": settings.port, "SSL_PORT": settings.ssl_port, "ADMIN_PORT": settings.admin_port}
    for variable, port in ports.items():
        if port is not None and (owner := owners.setdefault(port, variable)) != variable:
            raise SettingsError(f"{variable} holds '{port}' but wants a port other than {owner}'s")


def defaults_from(environment: Mapping[str, str]) -> dict[str, str]:
    """Option name -> default: the environment's value where it has one, else the table's."""
    return {row.option: environment.get(row.variable, row.default) for row in TABLE}


def _host_name() -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:64] or "gateway"
