"""What does the text of a setting mean? Text to value; what is wrong raises ValueError, with a reason where one helps."""

import ipaddress
import re
from pathlib import Path
from urllib.parse import urlsplit

from acme_client.directories import directory_url
from acme_client.domains import parse_domain
from acme_client.name_servers import Endpoint

_DURATION_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_MOST_PORT = 65535
_USERINFO = re.compile(r"(//|[^/?#,\s]:)[^/?#,\s]*@")


def holds_userinfo(text: str) -> bool:
    """Whether a URL in it has a user name or a password, so that it must not be shown (RFC 9110 4.2.4)."""
    return bool(_USERINFO.search(text))


def parse_server_domain(text: str) -> str:
    if not text:
        raise ValueError("it is required")
    return parse_domain(text.lower().removeprefix("."))


def parse_email(text: str) -> str:
    # RFC 8555 7.3 leaves the judgement to the CA; this finds a forgotten @ and two addresses in one.
    if text and not re.fullmatch(r"[^@\s,;]+@[^@\s,;]+", text):
        raise ValueError
    return text


def parse_folder(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # nobody of that name, or a container's user without HOME
        raise ValueError("the home folder is not known") from error


def parse_optional_file(text: str) -> Path | None:
    return parse_folder(text) if text else None


def parse_directories(text: str) -> tuple[str, ...]:
    """The directories of CAs, by URL; the scheme must be https (RFC 8555 6.1)."""
    found = tuple(dict.fromkeys(directory_url(part.strip()) for part in text.split(",") if part.strip()))
    if not found:
        raise ValueError
    for url in found:
        check_url(url, {"https"})
    return found


def parse_backend_url(text: str) -> str:
    """An http(s) URL without a slash at its end, or `file:` with a path."""
    check_url(text, {"http", "https", "file"})
    return text.rstrip("/")


def is_http(url: str) -> bool:
    return urlsplit(url).scheme in {"http", "https"}


def check_url(text: str, schemes: set[str], *, may_hold_userinfo: bool = False) -> None:
    """Raises ValueError for another scheme, and where a host is missing, a port is wrong or a password is in it."""
    if holds_userinfo(text) and not may_hold_userinfo:  # it is shown in logs, where a password has no place
        raise ValueError
    url = urlsplit(text)
    if url.scheme not in schemes:
        raise ValueError(f"{text} is not {' or '.join(sorted(schemes))}")
    if url.scheme != "file" and not url.hostname:
        raise ValueError(f"{text} names no host")
    if url.scheme != "file" and url.port == 0:  # `port` itself raises ValueError for what is none
        raise ValueError(f"{text} has port 0")


def parse_optional_word(text: str) -> str | None:
    if text and not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text):
        raise ValueError
    return text or None


def parse_optional_text(text: str) -> str | None:
    return text or None


def parse_base64url(text: str) -> str | None:
    if text and not re.fullmatch(r"[A-Za-z0-9_-]+=*", text):
        raise ValueError
    return text or None


def parse_flag(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off", ""):
        return False
    raise ValueError


def parse_count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) < 1:
        raise ValueError
    return int(text)


def parse_port(text: str) -> int:
    port = parse_count(text)
    if port > _MOST_PORT:
        raise ValueError
    return port


def parse_duration(text: str) -> float:
    """Seconds, above 0."""
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*([smh]?)", text.lower())
    if not match or float(match[1]) <= 0:
        raise ValueError
    return float(match[1]) * _DURATION_UNITS[match[2]]


def parse_resolvers(text: str) -> tuple[Endpoint, ...]:
    """Addresses, each with `:port` where that is not 53."""
    return tuple(_resolver(part.strip()) for part in text.split(",") if part.strip())


def _resolver(text: str) -> Endpoint:
    server = Endpoint.parse(text)
    try:
        ipaddress.ip_address(server.host)
    except ValueError:  # a name would have to be asked of the very resolvers that these are to replace
        raise ValueError(f"{text!r} is no address, as 9.9.9.9 and [2620:fe::fe]:53 are") from None
    return server
