"""What does the access log say of an exchange? One JSON object with fixed keys (docs/access-log.md)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from json import JSONEncoder
from typing import Any

from mesh_gateway.observe.exchange import Attempt, Exchange


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long the texts from outside may be, in characters of JSON."""

    path: int
    host: int
    reason: int
    error: int
    name: int
    """Methods, tenants, addresses, sources."""


USUAL = Lengths(path=2048, host=256, reason=300, error=200, name=128)
# For the few lines that come out too long: with all texts at their longest and 700 for keys and numbers, 4000 or so.
SHORT = Lengths(path=700, host=256, reason=200, error=30, name=64)
ID_LENGTH = 128
MAX_ATTEMPTS = 8

# ASCII only: no byte of a hostile path can break a terminal or a reader that wants UTF-8.
to_json = JSONEncoder(separators=(",", ":")).encode


def access_line(exchange: Exchange, now: float, lengths: Lengths = USUAL) -> dict[str, Any]:
    """The record as plain values. `now` (monotonic) stands for the end of an exchange that has none."""
    start, served = exchange.started, exchange.served_by
    ended = now if exchange.ended is None else exchange.ended
    asked = start if exchange.resolved is None else exchange.resolved

    def cut(text: str | None, length: int) -> str | None:
        return None if text is None else shorten(text, length)

    return {
        "time": timestamp(exchange.started_at),
        "requestId": shorten(exchange.request_id, ID_LENGTH),
        "client": cut(exchange.client, lengths.name),
        "tenant": cut(exchange.tenant, lengths.name),
        "host": cut(exchange.host, lengths.host),
        "method": cut(exchange.method, lengths.name),
        "path": cut(exchange.path.partition("?")[0], lengths.path),
        "status": exchange.status,
        "code": exchange.failure.value if exchange.failure else None,
        "reason": cut(exchange.reason, lengths.reason),
        "route": cut(served.address, lengths.name) if served else None,
        "source": cut(served.source, lengths.name) if served else None,
        "tries": exchange.tries,
        "attempts": [_attempt(attempt, lengths) for attempt in exchange.attempts[:MAX_ATTEMPTS]],
        "cache": exchange.cache.value,
        "bytesReceived": exchange.bytes_received,
        "bytesSent": exchange.bytes_sent,
        "resolveMs": _milliseconds(start, exchange.resolved),
        "connectMs": _milliseconds(asked, exchange.connected),
        "firstByteMs": _milliseconds(start, exchange.first_byte),
        "totalMs": _milliseconds(start, ended),
        "protocol": cut(exchange.protocol, lengths.name),
        "tls": cut(exchange.tls, lengths.name),
        "upgrade": cut(exchange.upgrade, lengths.name),
        "via": exchange.via,
    }


def _attempt(attempt: Attempt, lengths: Lengths) -> dict[str, str | None]:
    return {
        "source": shorten(attempt.source, lengths.name),
        "address": shorten(attempt.address, lengths.name),
        "error": None if attempt.error is None else shorten(attempt.error, lengths.error),
    }


def shorten(text: str, length: int) -> str:
    """The text, or its start and three dots, in at most `length` characters of JSON."""
    if len(text) * 2 <= length and text.isascii() and text.isprintable():  # escapes double it at most
        return text
    if len(text) <= length and len(to_json(text)) - 2 <= length:
        return text
    start = text[: length - 3]
    if len(to_json(start)) - 2 > length - 3:
        start = text[: (length - 3) // 12]  # the longest escape is a pair of surrogates
    return start + "..."


def timestamp(epoch_seconds: float) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return _millisecond(round(epoch_seconds * 1e6) // 1000)


@lru_cache(16)  # exchanges end in another order than they began
def _millisecond(epoch_milliseconds: int) -> str:
    second, millisecond = divmod(epoch_milliseconds, 1000)
    return f"{_second(second)}.{millisecond:03d}Z"


@lru_cache(2)
def _second(epoch_second: int) -> str:
    return datetime.fromtimestamp(epoch_second, UTC).isoformat(timespec="seconds").removesuffix("+00:00")


def _milliseconds(start: float, end: float | None) -> float | None:
    return None if end is None else round((end - start) * 1000, 3)
