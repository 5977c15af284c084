"""Which rules does a request head keep in either protocol?"""

from collections.abc import Mapping

from mesh_gateway.routing.rejection import HeadError, malformed
from mesh_gateway.routing.request import HeadLimits
from mesh_gateway.routing.verdicts import Failure

METHOD = r"[A-Z][A-Z-]{0,31}"
TARGET = r"[\x21\x22\x24-\x7e]+"
"""Printable ASCII but for `#`: a fragment never goes on the wire (RFC 9112 3.2)."""
VALUE = rb"[\t\x20-\x7e\x80-\xff]*"
"""No control bytes but HTAB: CR, LF and NUL end a value for some reader (RFC 9110 5.5)."""

ByName = Mapping[bytes, list[bytes]]

_NOT_CARRIED = frozenset({"CONNECT", "TRACE"})


def check_method(method: str) -> None:
    """CONNECT would make a tunnel of the gateway, TRACE shows a client's credentials to its scripts."""
    if method in _NOT_CARRIED:
        raise HeadError(Failure.METHOD_NOT_ALLOWED, f"method {method}")


def check_target_size(size: int, limits: HeadLimits) -> None:
    if size > limits.target:
        raise HeadError(Failure.URI_TOO_LONG, f"target of {size} bytes")


def check_field_count(count: int, limits: HeadLimits) -> None:
    if count > limits.fields:
        raise too_large(f"{count} header fields")


def too_large(what: str) -> HeadError:
    return HeadError(Failure.HEADERS_TOO_LARGE, what)


def check_fields(by_name: ByName) -> None:
    """Expectations that nobody here can meet."""
    for value in by_name.get(b"expect", ()):
        if value.lower() != b"100-continue":
            raise malformed("expectation other than 100-continue", value)


def single_host(by_name: ByName) -> str | None:
    """The `Host` field, None where it is missing; two of them are refused (RFC 9112 3.2)."""
    hosts = by_name.get(b"host", ())
    if len(hosts) > 1:
        raise malformed("more than one host field")
    return authority_text(hosts[0]) if hosts else None


def authority_text(value: bytes) -> str:
    """An authority as text: some clients send an international name as UTF-8 (RFC 3986 3.2.2), everything else stays a byte a character."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    if "@" in text:
        raise malformed("user name in the authority")  # RFC 9110 4.2.4; not shown, a password may follow it
    return text
