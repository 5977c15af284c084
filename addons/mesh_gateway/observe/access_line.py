"""What does the access log say of an exchange? One JSON object with fixed keys (docs/access-log.md)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from json import JSONEncoder
from typing import Any

from mesh_gateway.observe.exchange import Attempt, Exchange

# A pipe keeps a write whole up to PIPE_BUF (pipe(7)), so that the lines of several workers do not mix.
LINE_LENGTH = 4096


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long the texts from outside may be, in characters of JSON."""

    path: int
    host: int
    reason: int
    error: int
    name: int
    """Methods, tenants, addresses, sources."""


_USUAL = Lengths(path=2048, host=256, reason=300, error=200, name=128)
# For the few lines that come out too long: with all texts at their longest and 700 for keys and numbers, 4000 or so.
_SHORT = Lengths(path=700, host=256, reason=200, error=30, name=64)
_ID_LENGTH = 128
_MAX_ATTEMPTS = 8

# ASCII only: no byte of a hostile path can break a terminal or a reader that wants UTF-8.
_to_json = JSONEncoder(separators=(",", ":")).encode


def access_line(exchange: Exchange, now: float, lengths: Lengths = _USUAL) -> dict[str, Any]:
    """The record as plain values. `now` (monotonic) stands for the end of an exchange that has none."""
    start, served = exchange.started, exchange.served_by
    ended = now if exchange.ended is None else exchange.ended
    asked = start if exchange.resolved is None else exchange.resolved

    def cut(text: str | None, length: int) -> str | None:
        return None if text is None else _cut(text, length)

    return {
        "time": _timestamp(exchange.started_at),
        "requestId": _cut(exchange.request_id, _ID_LENGTH),
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
        "attempts": [_attempt(attempt, lengths) for attempt in exchange.attempts[:_MAX_ATTEMPTS]],
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
    }


def encoded_line(exchange: Exchange, now: float) -> bytes:
    """The line as it is written, at most LINE_LENGTH bytes with its end."""
    line = _to_json(access_line(exchange, now)) + "\n"
    if len(line) > LINE_LENGTH:
        line = _to_json(access_line(exchange, now, _SHORT)) + "\n"
    return line.encode("ascii")


def _attempt(attempt: Attempt, lengths: Lengths) -> dict[str, str | None]:
    return {
        "source": _cut(attempt.source, lengths.name),
        "address": _cut(attempt.address, lengths.name),
        "error": None if attempt.error is None else _cut(attempt.error, lengths.error),
    }


def _cut(text: str, length: int) -> str:
    """The text, or its start and three dots, in at most `length` characters of JSON."""
    if len(text) * 2 <= length and text.isascii() and text.isprintable():  # escapes double it at most
        return text
    if len(text) <= length and len(_to_json(text)) - 2 <= length:
        return text
    start = text[: length - 3]
    if len(_to_json(start)) - 2 > length - 3:
        start = text[: (length - 3) // 12]  # the longest escape is a pair of surrogates
    return start + "..."


def _timestamp(epoch_seconds: float) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _milliseconds(start: float, end: float | None) -> float | None:
    return None if end is None else round((end - start) * 1000, 3)
