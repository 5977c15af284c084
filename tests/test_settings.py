"""Does every setting take what it should, and say in one line what is wrong with the rest?"""

from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mesh_gateway.settings import (
    ROWS,
    TABLE,
    Setting,
    Settings,
    SettingsError,
    defaults_from,
    parse_duration,
    parse_size,
    read_settings,
)

LONG_DOMAIN = ".".join(["a" * 63] * 4)


def settings(**values: str) -> Settings:
    """Settings of a gateway for example.com with `values` on top."""
    return read_settings({"server_domain": "example.com", **values})


def refusal(variable: str, text: str) -> str:
    """What the start says about `variable=text`."""
    with pytest.raises(SettingsError) as caught:
        settings(**{variable.lower(): text})
    return str(caught.value)


@pytest.mark.parametrize("row", [row for row in TABLE if row.default], ids=lambda row: row.variable)
def test_every_default_is_a_right_value(row: Setting) -> None:
    assert row.read(row.default) is not None


def test_only_the_domain_must_be_set() -> None:
    assert settings() == settings(**{row.option: row.default for row in TABLE if row.variable != "SERVER_DOMAIN"})
    with pytest.raises(SettingsError, match=r"^SERVER_DOMAIN holds '' but wants the domain .*such as example\.com$"):
        read_settings({})


def test_the_table_and_the_settings_name_the_same_things() -> None:
    assert list(ROWS) == list(Settings.__dataclass_fields__)
    assert len({row.variable for row in TABLE}) == len(TABLE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.variable)
def test_every_row_explains_itself(row: Setting) -> None:
    text = row.help
    assert text.endswith(".")
    assert "|" not in text, "it would break the table in docs/settings.md"


CARD = {
    "SERVER_DOMAIN": "example.com",
    "BACKEND_URL": "https://x.example/router/api",
    "CACHE_TTL": "60",
    "SSL_EMAIL": "admin@example.com",
    "PORT": "80",
    "SSL_PORT": "443",
    "DEFAULT_BACKEND": "https://landing.example",
}


def test_the_environment_gives_the_options_their_defaults() -> None:
    defaults = defaults_from({**CARD, "HOME": "/nowhere"})
    assert set(defaults) == set(ROWS)
    read = read_settings(defaults)
    assert (read.server_domain, read.backend_url) == ("example.com", "https://x.example/router/api")
    assert (read.cache_ttl, read.port, read.ssl_port) == (60.0, 80, 443)
    assert (read.ssl_email, read.default_backend) == ("admin@example.com", "https://landing.example")


RIGHT = {
    "a domain loses case and outer dots": ("SERVER_DOMAIN", ".Example.COM.", "example.com"),
    "a domain of one label": ("SERVER_DOMAIN", "localhost", "localhost"),
    "blanks around a value": ("SERVER_DOMAIN", " example.com ", "example.com"),
    "an API with a path loses the last slash": ("BACKEND_URL", "https://x/router/api/", "https://x/router/api"),
    "an API at an IPv6 address": ("BACKEND_URL", "http://[::1]:8192", "http://[::1]:8192"),
    "routes from a file": ("BACKEND_URL", "file:routes.yaml", "file:routes.yaml"),
    "no name server": ("BACKEND_NAMESERVER", "", ""),
    "an IPv6 name server": ("BACKEND_NAMESERVER", "FD00::1", "fd00::1"),
    "no https": ("SSL_PORT", "off", None),
    "no admin listener": ("ADMIN_PORT", "0", None),
    "the highest port": ("PORT", "65535", 65535),
    "no landing page": ("DEFAULT_BACKEND", "", None),
    "two networks": (
        "TRUSTED_PROXIES",
        "10.0.0.0/8, fd00::/8",
        (ip_network("10.0.0.0/8"), ip_network("fd00::/8")),
    ),
    "a single address is a network": ("ROUTE_NETWORKS", "127.0.0.1", (ip_network("127.0.0.1/32"),)),
    "no networks": ("ROUTE_NETWORKS", "", ()),
    "a folder": ("CERT_DIR", "/etc/certificates", Path("/etc/certificates")),
    "the system's authorities": ("UPSTREAM_CA_FILE", "", None),
    "a wildcard's folder": ("DEFAULT_CERTIFICATE", "_.example.com", "_.example.com"),
    "never stale": ("STALE_TTL", "0", 0.0),
    "no limit": ("RATE_LIMIT", "off", 0),
    "nothing collected": ("INSPECT_BODY_SIZE", "0", 0),
    "a size": ("MAX_BODY_SIZE", "20GiB", 20 << 30),
    "a node's name": ("NODE_NAME", "edge-1.fra", "edge-1.fra"),
    "quiet": ("ACCESS_LOG", "No", False),
    "not quiet": ("ACCESS_LOG", "on", True),
}


@pytest.mark.parametrize(("variable", "text", "value"), RIGHT.values(), ids=RIGHT)
def test_a_right_value_is_read(variable: str, text: str, value: object) -> None:
    assert getattr(settings(**{variable.lower(): text}), variable.lower()) == value


def test_a_node_without_a_name_takes_the_machines() -> None:
    assert settings(node_name=" ").node_name == settings().node_name != ""


_DOMAIN = "the domain that tenants live under, such as example.com"
_BACKEND = "the resolution API's http(s) URL, or file:PATH of a routes file"
_PORT = "a port from 1 to 65535"
_DURATION = "a duration such as 30, 1.5s, 500ms, 5m or 24h"
_SIZE = "a size in bytes such as 65536, 64k or 20GiB"
_NETWORKS = "a comma-separated list of networks such as 10.0.0.0/8,fd00::/8"
_URL_DETAIL = " (no blanks, no query, no fragment)"

WRONG = {
    "an empty label": ("SERVER_DOMAIN", "example..com", _DOMAIN),
    "two dots at the end": ("SERVER_DOMAIN", "example.com..", _DOMAIN),
    "a URL as domain": ("SERVER_DOMAIN", "https://example.com", _DOMAIN),
    "a dash at the edge": ("SERVER_DOMAIN", "-a.com", _DOMAIN),
    "a domain over 253 bytes": ("SERVER_DOMAIN", LONG_DOMAIN, _DOMAIN),
    "a label over 63 bytes": ("SERVER_DOMAIN", "a" * 64, _DOMAIN),
    "an address as domain": ("SERVER_DOMAIN", "1.2.3.4", f"{_DOMAIN} (an address has no names under it)"),
    "no scheme": ("BACKEND_URL", "localhost:8192", _BACKEND),
    "a strange scheme": ("BACKEND_URL", "ftp://localhost", _BACKEND),
    "no host": ("BACKEND_URL", "http://", _BACKEND),
    "port 0": ("BACKEND_URL", "http://a:0", _BACKEND),
    "a port out of range": ("BACKEND_URL", "http://a:70000", f"{_BACKEND} (Port out of range 0-65535)"),
    "an empty query": ("BACKEND_URL", "http://a?", _BACKEND + _URL_DETAIL),
    "a fragment": ("BACKEND_URL", "http://a/#b", _BACKEND + _URL_DETAIL),
    "a newline within": ("BACKEND_URL", "http://a\nb", _BACKEND + _URL_DETAIL),
    "a file without a path": ("BACKEND_URL", "file:", f"{_BACKEND} (the path is missing)"),
    "a name as name server": ("BACKEND_NAMESERVER", "dns", "the IP address of one name server, or nothing"),
    "an e-mail address without @": ("SSL_EMAIL", "admin", "an e-mail address, or nothing"),
    "two e-mail addresses": ("SSL_EMAIL", "a@b, c@d", "an e-mail address, or nothing"),
    "no number": ("PORT", "http", _PORT),
    "no port": ("PORT", "0", _PORT),
    "one port too many": ("PORT", "65536", _PORT),
    "an underscore in a number": ("PORT", "8_0", _PORT),
    "another script's digits": ("PORT", "٨٠", _PORT),
    "a number without end": ("PORT", "9" * 5000, _PORT),
    "half a port": ("SSL_PORT", "44.3", f"{_PORT}, or off"),
    "everybody's admin listener": ("ADMIN_ADDRESS", "", "an IP address"),
    "host bits": ("TRUSTED_PROXIES", "10.0.0.1/8", f"{_NETWORKS} (10.0.0.1/8 has host bits set)"),
    "a folder outside": ("DEFAULT_CERTIFICATE", "../a", "the name of a certificate in CERT_DIR, or nothing"),
    "no folder": ("CERT_DIR", "", "a folder"),
    "no time": ("CACHE_TTL", "0", _DURATION),
    "less than no time": ("CACHE_TTL", "-1", _DURATION),
    "not a number": ("CACHE_TTL", "nan", _DURATION),
    "a time without end": ("CACHE_TTL", "9" * 400, _DURATION),
    "an unknown unit": ("IDLE_TIMEOUT", "5w", _DURATION),
    "no head at all": ("MAX_HEADER_SIZE", "0", _SIZE),
    "half a size": ("MAX_BODY_SIZE", "1.5g", _SIZE),
    "no connection": ("MAX_CONNECTIONS", "0", "a count of at least 1"),
    "a negative limit": ("RATE_LIMIT", "-1", "requests per second, or 0 for no limit"),
    "a node's name with a blank": ("NODE_NAME", "edge 1", "letters, digits, dots, dashes, at most 64"),
    "maybe": ("ACCESS_LOG", "maybe", "true or false"),
    "https on the http port": ("SSL_PORT", "80", "a port other than PORT's"),
    "admin on the https port": ("ADMIN_PORT", "443", "a port other than SSL_PORT's"),
}


@pytest.mark.parametrize(("variable", "text", "wants"), WRONG.values(), ids=WRONG)
def test_a_wrong_value_is_one_line_of_variable_value_and_wish(variable: str, text: str, wants: str) -> None:
    message = refusal(variable, text)
    assert message == f"{variable} holds {text!r} but wants {wants}"
    assert "\n" not in message


def test_the_first_wrong_value_in_the_tables_order_is_named() -> None:
    with pytest.raises(SettingsError, match=r"^CACHE_TTL holds"):
        settings(port="x", cache_ttl="x")


def test_a_home_folder_that_nobody_knows_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "expanduser", _homeless)
    assert refusal("STATE_DIR", "~/state").endswith("but wants a folder (the home folder is not known)")


def _homeless(path: Path) -> Path:
    raise RuntimeError(f"Could not determine home directory: {path}")


DURATIONS = {"90": 90, "1.5s": 1.5, "500ms": 0.5, "5m": 300, "5 m": 300, "24H": 86400, "7d": 604800, "0": 0}


@pytest.mark.parametrize(("text", "seconds"), DURATIONS.items(), ids=DURATIONS)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


SIZES = {
    "1048576": 1 << 20,
    "64k": 64 << 10,
    "64K": 64 << 10,
    "64kb": 64 << 10,
    "32KiB": 32 << 10,
    "2 m": 2 << 20,
    "20GiB": 20 << 30,
    "1T": 1 << 40,
    "7b": 7,
    "0": 0,
}  # fmt: skip - a table


@pytest.mark.parametrize(("text", "size"), SIZES.items(), ids=SIZES)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "k", "64ib", "7bb", "7bib", "-1", "1e3", "1.5k", "1_0"])
def test_not_a_size(text: str) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        parse_size(text)


@given(row=st.sampled_from(TABLE), text=st.text(max_size=40))
@example(row=ROWS["backend_url"], text="http://[")
@example(row=ROWS["default_backend"], text="http://a:\u0661")
def test_any_text_is_read_or_refused_and_nothing_else(row: Setting, text: str) -> None:
    try:
        row.read(text)
    except SettingsError as error:
        refused = str(error)
    else:
        return
    assert refused.startswith(f"{row.variable} holds {text!r} but wants {row.wants}")
    assert len(refused.splitlines()) == 1
