"""What does the access log say of an exchange? One JSON object with fixed keys (docs/access-log.md)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from json import JSONEncoder
from json.encoder import encode_basestring_ascii
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
_LONGEST_KNOWN = 64

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
        "via": exchange.via,
    }


def encoded_line(exchange: Exchange, now: float) -> bytes:
    """The line as it is written, at most LINE_LENGTH bytes with its end."""
    line = _line(exchange, now)
    if len(line) > LINE_LENGTH:
        line = _to_json(access_line(exchange, now, _SHORT)) + "\n"
    return line.encode("ascii")


def _line(exchange: Exchange, now: float) -> str:
    """`access_line` as text, at a third of the cost: this runs for every request. A test holds the two together."""
    start, served, name = exchange.started, exchange.served_by, _USUAL.name
    ended = now if exchange.ended is None else exchange.ended
    asked = start if exchange.resolved is None else exchange.resolved
    attempts = ",".join([_attempt_text(attempt) for attempt in exchange.attempts[:_MAX_ATTEMPTS]])
    return (
        f'{{"time":"{_timestamp(exchange.started_at)}","requestId":{_fresh(exchange.request_id, _ID_LENGTH)}'
        f',"client":{_known(exchange.client, name)},"tenant":{_known(exchange.tenant, name)}'
        f',"host":{_known(exchange.host, _USUAL.host)},"method":{_known(exchange.method, name)}'
        f',"path":{_fresh(exchange.path.partition("?")[0], _USUAL.path)},"status":{exchange.status}'
        f',"code":{f'"{exchange.failure.value}"' if exchange.failure else "null"}'
        f',"reason":{_fresh(exchange.reason, _USUAL.reason)}'
        f',"route":{_known(served.address if served else None, name)}'
        f',"source":{_known(served.source if served else None, name)},"tries":{exchange.tries}'
        f',"attempts":[{attempts}],"cache":"{exchange.cache.value}"'
        f',"bytesReceived":{exchange.bytes_received},"bytesSent":{exchange.bytes_sent}'
        f',"resolveMs":{_duration(start, exchange.resolved)},"connectMs":{_duration(asked, exchange.connected)}'
        f',"firstByteMs":{_duration(start, exchange.first_byte)},"totalMs":{_duration(start, ended)}'
        f',"protocol":{_known(exchange.protocol, name)},"tls":{_known(exchange.tls, name)}'
        f',"upgrade":{_known(exchange.upgrade, name)},"via":"{exchange.via}"}}\n'
    )


def _attempt_text(attempt: Attempt) -> str:
    error = _fresh(attempt.error, _USUAL.error)
    source, address = _known(attempt.source, _USUAL.name), _known(attempt.address, _USUAL.name)
    return f'{{"source":{source},"address":{address},"error":{error}}}'


def _known(text: str | None, length: int) -> str:
    """The JSON of a text that comes again and again; longer ones could fill the memory that keeps them."""
    return _fresh(text, length) if text is None or len(text) > _LONGEST_KNOWN else _remembered(text, length)


def _fresh(text: str | None, length: int) -> str:
    """The JSON of a text."""
    return "null" if text is None else encode_basestring_ascii(_cut(text, length))


_remembered = lru_cache(4096)(_fresh)


def _duration(start: float, end: float | None) -> str:
    return "null" if end is None else f"{(end - start) * 1000:.3f}"


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
    second, microsecond = divmod(round(epoch_seconds * 1e6), 1_000_000)
    return f"{_second(second)}.{microsecond // 1000:03d}Z"


@lru_cache(2)
def _second(epoch_second: int) -> str:
    return datetime.fromtimestamp(epoch_second, UTC).isoformat(timespec="seconds").removesuffix("+00:00")


def _milliseconds(start: float, end: float | None) -> float | None:
    return None if end is None else round((end - start) * 1000, 3)
