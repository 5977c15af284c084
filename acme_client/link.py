"""May a link of a CA be followed? Each of them is checked here: directory, Location, finalize, certificate, next, ARI."""

import ipaddress
from urllib.parse import urlsplit

from acme_client.errors import AcmeError, ErrorKind
from acme_client.problems import plain


def check_link(url: str, *, is_laboratory: bool) -> None:
    """Raises AcmeError (CA_UNAVAILABLE) for what is not https (RFC 8555 6.1).

    In a laboratory, whose directory itself is plain http on loopback, its other links may be so too.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:  # brackets that hold no address
        host = None
    if host and (parts.scheme == "https" or (is_laboratory and parts.scheme == "http" and _is_loopback(host))):
        return
    text = f"The CA's link {plain(url)} is not https, and nothing that is signed or secret is sent there (RFC 8555 6.1)"
    raise AcmeError(ErrorKind.CA_UNAVAILABLE, text)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
