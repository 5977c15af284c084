"""What does a flow show in mitmweb of the way it took?

Plain values only: whatever else lies in a flow's metadata makes saving the flow fail (mitmproxy 12.2.3).
"""

from mesh_gateway.observe.exchange import Exchange
from mesh_gateway.routing.verdicts import Failure


def comment(exchange: Exchange) -> str:
    """The way in one line: `alice -> 203.0.113.5:443 agent, hit, try 2`; `~comment` finds flows by it."""
    return f"{exchange.tenant or exchange.host or '-'} -> {_end(exchange)}"


def metadata(exchange: Exchange) -> dict[str, dict[str, str | int]]:
    """What to add to `flow.metadata`, where `~meta` finds it. Texts are empty where nothing applies."""
    served = exchange.served_by
    return {
        "mesh": {
            "user": exchange.tenant or "",
            "route": served.address if served else "",
            "source": served.source if served else "",
            "cache": exchange.cache.value,
            "verdict": exchange.failure.value if exchange.failure else "OK",
            "tries": exchange.tries,
            "requestId": exchange.request_id,
        }
    }


def _end(exchange: Exchange) -> str:
    if exchange.failure:
        return _failure(exchange, exchange.failure)
    if not exchange.served_by:
        return f"own answer {exchange.status}"
    route = f"{exchange.served_by.address} {exchange.served_by.source}, {exchange.cache.value}"
    return f"{route}, try {exchange.tries}" if exchange.tries > 1 else route


def _failure(exchange: Exchange, failure: Failure) -> str:
    tries = {0: "", 1: " after 1 try"}.get(exchange.tries, f" after {exchange.tries} tries")
    reasons = [exchange.reason] if exchange.reason else []
    reasons += [f"{attempt.address} {attempt.error}" for attempt in exchange.attempts if attempt.error]
    return f"{failure.value}{tries}" + (f": {'; '.join(reasons)}" if reasons else "")
