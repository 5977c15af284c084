"""Which values may a metric's label have? Closed sets: a stranger must not be able to make a new time series."""

from enum import Enum, unique

from mesh_gateway.observe.exchange import Exchange


@unique
class ConnectionRefusal(Enum):
    """Why a client's connection was closed before its first byte was read."""

    CAPACITY = "capacity"
    PER_ADDRESS = "per_address"


@unique
class HandshakeFailure(Enum):
    """Why a client got no TLS session."""

    NO_SNI = "no_sni"
    UNKNOWN_SNI = "unknown_sni"
    CLIENT = "client"
    """It broke off or sent an alert: it does not like the certificate."""


# RFC 9110 9.3 and RFC 5789.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
SOURCES = frozenset({"agent", "tunnel", "default"})
OTHER = "other"
NONE = "none"

_STATUS_CLASSES = {hundreds: f"{hundreds}xx" for hundreds in range(1, 6)}


def method_label(method: str) -> str:
    return method if method in METHODS else OTHER


def source_label(source: str) -> str:
    return source if source in SOURCES else OTHER


def served_by_label(exchange: Exchange) -> str:
    """The source that served the exchange, `none` where the gateway answered itself."""
    return source_label(exchange.served_by.source) if exchange.served_by else NONE


def status_label(status: int) -> str:
    """`2xx` and the like: an upstream can send 900 different codes."""
    return _STATUS_CLASSES.get(status // 100, OTHER)
