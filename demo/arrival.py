"""What did a request look like when it reached the upstream? As JSON for programs, as a page for people."""

import html
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

Field = tuple[str, str]

_PAGE = Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))

# What the gateway says of the client; everything else comes from the client itself.
GATEWAY_FIELDS = frozenset({
    "host", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-request-id",
    "via", "forwarded", "cdn-loop",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request as it came in. `fields` in their order, names in lower case."""

    upstream: str
    method: str
    target: str
    http_version: str
    fields: tuple[Field, ...]
    body_bytes: int

    def field(self, name: str) -> str:
        """The field's value; all of them, comma-separated, where it came more than once (RFC 9110 5.3)."""
        return ", ".join(value for key, value in self.fields if key == name)

    @property
    def wants_html(self) -> bool:
        """Browsers name text/html, curl and scripts do not."""
        return "text/html" in self.field("accept")


def as_json(arrival: Arrival) -> bytes:
    fields = {name: arrival.field(name) for name, _ in arrival.fields}
    return json.dumps({**asdict(arrival), "fields": fields}, indent=2).encode() + b"\n"


def as_html(arrival: Arrival) -> bytes:
    first_line = f"{arrival.method} {arrival.target} HTTP/{arrival.http_version}"
    page = _PAGE.substitute(
        upstream=html.escape(arrival.upstream),
        first_line=html.escape(first_line),
        body_bytes=arrival.body_bytes,
        gateway_rows=_rows(field for field in arrival.fields if field[0] in GATEWAY_FIELDS),
        client_rows=_rows(field for field in arrival.fields if field[0] not in GATEWAY_FIELDS),
    )
    return page.encode()


def _rows(fields: Iterable[Field]) -> str:
    return "\n".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in fields)
