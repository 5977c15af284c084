"""What do the gateway's own answers look like? Failures, health, readiness and metrics as bytes (CONTRACT part 6).

The path that sends an answer adds `Date` and `X-Request-ID`, and leaves the body out for HEAD.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from mesh_gateway.accept import prefers_html
from mesh_gateway.routing.verdicts import VERDICTS, Failure, Verdict

_JSON = b"application/json; charset=utf-8"
_HTML = b"text/html; charset=utf-8"

# RFC 9110 15.5.6: a 405 must carry Allow.
_ALLOW = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_POLICY = b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

# What comes from outside is cut: a host has 253 bytes (RFC 1035), an id 128, a time 30 or so.
_HOST_LENGTH, _ID_LENGTH, _TIME_LENGTH = 253, 128, 64


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of the gateway's own. `fields` hold its exact Content-Length."""

    status: int
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @property
    def reason(self) -> bytes:
        """The phrase of the status line, for HTTP/1."""
        return _PHRASES[self.status]


# RFC 9110 15, RFC 6585, RFC 5842; 499 is nginx's. A table, for the standard library's changes between releases.
_PHRASES: dict[int, bytes] = {
    200: b"OK",
    308: b"Permanent Redirect",
    400: b"Bad Request",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    413: b"Content Too Large",
    414: b"URI Too Long",
    421: b"Misdirected Request",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    499: b"Client Closed Request",
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
    508: b"Loop Detected",
}


def failure_answer(
    failure: Failure,
    *,
    request_id: str,
    accept: bytes | None,
    host: str | None = None,
    last_seen_online: str | None = None,
) -> Answer:
    """Why the request was not served: a page for browsers, JSON for all others."""
    verdict = VERDICTS[failure]
    request_id = _printable(request_id, _ID_LENGTH)
    seen = _printable(last_seen_online, _TIME_LENGTH) if last_seen_online and failure is Failure.NO_ROUTES else None
    extra = _extra_fields(failure, verdict)
    if prefers_html(accept):
        page = _page(verdict, failure, request_id, _printable(host or "", _HOST_LENGTH), seen)
        return _answer(verdict.status, _HTML, page.encode(), (*extra, (b"Content-Security-Policy", _POLICY)))
    told = {"error": verdict.text, "code": failure.value, "requestId": request_id}
    if seen:
        told["lastSeenOnline"] = seen
    return _answer(verdict.status, _JSON, _json(told), extra)


def health_answer() -> Answer:
    """`GET /_health`: the process is alive and the gateway is loaded in it."""
    return _answer(200, _JSON, _json({"status": "ok"}))


def ready_answer(ready: bool, reasons: Iterable[str] = (), notes: Iterable[str] = ()) -> Answer:
    """`GET /_ready`: whether a balancer should send requests here, and why not; `notes` on what is missing all the same."""
    told: dict[str, Any] = {"ready": ready, "reasons": list(reasons)}
    if noted := list(notes):
        told["notes"] = noted
    return _answer(200 if ready else 503, _JSON, _json(told))


def redirect_answer(location: str) -> Answer:
    """The same request belongs at `location` (RFC 9110 15.4.9)."""
    return _answer(308, _JSON, _json({"location": location}), ((b"Location", location.encode("ascii")),))


def metrics_answer(body: bytes, content_type: str) -> Answer:
    """`GET /_metrics`, as the metrics were rendered."""
    return _answer(200, content_type.encode("ascii"), body)


def _json(told: dict[str, Any]) -> bytes:
    """With the end of its line, for those who read in a terminal."""
    return json.dumps(told).encode() + b"\n"


def _answer(status: int, content_type: bytes, body: bytes, extra: tuple[tuple[bytes, bytes], ...] = ()) -> Answer:
    fields = (
        (b"Content-Type", content_type),
        (b"Content-Length", b"%d" % len(body)),
        (b"Cache-Control", b"no-store"),
        (b"X-Content-Type-Options", b"nosniff"),
    )
    return Answer(status, fields + extra, body)


def _extra_fields(failure: Failure, verdict: Verdict) -> tuple[tuple[bytes, bytes], ...]:
    if verdict.retry_after_seconds is not None:
        return ((b"Retry-After", b"%d" % verdict.retry_after_seconds),)
    if failure is Failure.METHOD_NOT_ALLOWED:
        return ((b"Allow", _ALLOW),)
    return ()


def _printable(text: str, length: int) -> str:
    """Cut, and rid of what could break an encoder (lone surrogates) or turn a line around (bidi marks)."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:length])


_STYLE = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--line:#e2e5ea;--ink:#1c2430;--soft:#5b6675;--mark:#b4530a}
@media(prefers-color-scheme:dark){:root{--page:#12161c;--card:#1a2029;--line:#2b333f;--ink:#e8ecf1;--soft:#9aa6b5;--mark:#f0a45d}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;min-height:100svh;display:grid;place-items:center;padding:1.5rem 1rem;background:var(--page);color:var(--ink);
font:1rem/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main{width:100%;max-width:34rem;padding:clamp(1.5rem,6vw,2.75rem);background:var(--card);border:1px solid var(--line);border-radius:14px;
box-shadow:0 1px 2px rgb(0 0 0/.04),0 12px 32px rgb(0 0 0/.06)}
.status{margin:0 0 .5rem;color:var(--mark);font-weight:600;font-size:.875rem;letter-spacing:.04em;font-variant-numeric:tabular-nums}
h1{margin:0 0 .75rem;font-size:clamp(1.5rem,6vw,2rem);line-height:1.2;letter-spacing:-.015em;text-wrap:balance}
p{margin:0}
dl{margin:1.75rem 0 0;padding-top:1.25rem;border-top:1px solid var(--line);display:grid;gap:.875rem;font-size:.875rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
code{font:.8125rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
"""


def _page(verdict: Verdict, failure: Failure, request_id: str, host: str, seen: str | None) -> str:
    title = escape(verdict.title)
    rows = [f"<dt>Address</dt><dd><code>{escape(host)}</code></dd>"] if host else []
    rows += [f"<dt>Last seen online</dt><dd>{_seen(seen)}</dd>"] if seen else []
    rows += [f"<dt>Request id</dt><dd><code>{escape(request_id)}</code></dd>"]
    details = "\n".join(f"<div>{row}</div>" for row in rows)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<p class="status">{verdict.status} <span>{failure.value}</span></p>
<h1>{title}</h1>
<p>{escape(verdict.text)}</p>
<dl>
{details}
</dl>
</main>
</body>
</html>
"""


def _seen(text: str) -> str:
    """The time as people write it; what is no time is shown as it came."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return escape(text)
    return f'<time datetime="{moment:%Y-%m-%dT%H:%M:%SZ}">{moment.day} {moment:%B %Y, %H:%M} UTC</time>'
