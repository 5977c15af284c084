"""How is the access line written? `access_line` as bytes, without the dictionary: this runs for every request.

A test holds the two together. Three parts of a line are the same again and again and so are remembered, unless they
are so long that they could fill the memory.
"""

from collections.abc import Sequence
from functools import lru_cache
from json.encoder import encode_basestring_ascii

from mesh_gateway.observe.access_line import (
    ID_LENGTH,
    MAX_ATTEMPTS,
    SHORT,
    USUAL,
    access_line,
    shorten,
    timestamp,
    to_json,
)
from mesh_gateway.observe.exchange import Attempt, Exchange

# A pipe keeps a write whole up to PIPE_BUF (pipe(7)), so that the lines of several workers do not mix.
LINE_LENGTH = 4096
_LONGEST_REMEMBERED = 128


def encoded_line(exchange: Exchange, now: float) -> bytes:
    """The line as it is written, at most LINE_LENGTH bytes with its end."""
    line = _line(exchange, now)
    if len(line) > LINE_LENGTH:
        line = to_json(access_line(exchange, now, SHORT)) + "\n"
    return line.encode("ascii")


def _line(exchange: Exchange, now: float) -> str:
    return (
        f'{{"time":"{timestamp(exchange.started_at)}","requestId":{_json(exchange.request_id, ID_LENGTH)}'
        f",{_who(exchange)}"
        f',"path":{_json(exchange.path.partition("?")[0], USUAL.path)},"status":{exchange.status}'
        f',"code":{f'"{exchange.failure.value}"' if exchange.failure else "null"}'
        f',"reason":{_json(exchange.reason, USUAL.reason)},{_way(exchange)},"cache":"{exchange.cache.value}"'
        f',"bytesReceived":{exchange.bytes_received},"bytesSent":{exchange.bytes_sent}'
        f",{_durations(exchange, now)},{_how(exchange)}}}\n"
    )


def _who(exchange: Exchange) -> str:
    is_usual = len(exchange.host) + len(exchange.method) + len(exchange.client) <= _LONGEST_REMEMBERED
    members = _who_remembered if is_usual else _who_members
    return members(exchange.client, exchange.tenant, exchange.host, exchange.method)


def _who_members(client: str, tenant: str | None, host: str, method: str) -> str:
    name = USUAL.name
    return (
        f'"client":{_json(client, name)},"tenant":{_json(tenant, name)}'
        f',"host":{_json(host, USUAL.host)},"method":{_json(method, name)}'
    )


_who_remembered = lru_cache(4096)(_who_members)


def _way(exchange: Exchange) -> str:
    attempts, served = exchange.attempts, exchange.served_by
    if served and len(attempts) == 1 and served.error is None and attempts[0] is served:
        return _straight_way(served.source, served.address)
    return _way_members(attempts, served)


def _way_members(attempts: Sequence[Attempt], served: Attempt | None) -> str:
    tried = ",".join(_attempt_text(attempt) for attempt in attempts[:MAX_ATTEMPTS])
    route, source = (served.address, served.source) if served else (None, None)
    return (
        f'"route":{_json(route, USUAL.name)},"source":{_json(source, USUAL.name)}'
        f',"tries":{len(attempts)},"attempts":[{tried}]'
    )


@lru_cache(4096)
def _straight_way(source: str, address: str) -> str:
    """Of an exchange that the first route served. The texts are short: addresses are parsed, sources cut (decoding.py)."""
    attempt = Attempt(source, address)
    return _way_members([attempt], attempt)


def _attempt_text(attempt: Attempt) -> str:
    source, address = _json(attempt.source, USUAL.name), _json(attempt.address, USUAL.name)
    return f'{{"source":{source},"address":{address},"error":{_json(attempt.error, USUAL.error)}}}'


def _durations(exchange: Exchange, now: float) -> str:
    start, resolved, connected = exchange.started, exchange.resolved, exchange.connected
    first_byte, ended = exchange.first_byte, now if exchange.ended is None else exchange.ended
    if resolved is None or connected is None or first_byte is None:
        asked = start if resolved is None else resolved
        return (
            f'"resolveMs":{_duration(start, resolved)},"connectMs":{_duration(asked, connected)}'
            f',"firstByteMs":{_duration(start, first_byte)},"totalMs":{_duration(start, ended)}'
        )
    return (  # what nearly every exchange has
        f'"resolveMs":{(resolved - start) * 1000:.3f},"connectMs":{(connected - resolved) * 1000:.3f}'
        f',"firstByteMs":{(first_byte - start) * 1000:.3f},"totalMs":{(ended - start) * 1000:.3f}'
    )


def _how(exchange: Exchange) -> str:
    members = _how_remembered if len(exchange.protocol) <= _LONGEST_REMEMBERED else _how_members
    return members(exchange.protocol, exchange.tls, exchange.upgrade, exchange.via)


def _how_members(protocol: str, tls: str | None, upgrade: str | None, via: str) -> str:
    name = USUAL.name
    return f'"protocol":{_json(protocol, name)},"tls":{_json(tls, name)},"upgrade":{_json(upgrade, name)},"via":"{via}"'


_how_remembered = lru_cache(64)(_how_members)


def _json(text: str | None, length: int) -> str:
    return "null" if text is None else encode_basestring_ascii(shorten(text, length))


def _duration(start: float, end: float | None) -> str:
    return "null" if end is None else f"{(end - start) * 1000:.3f}"
