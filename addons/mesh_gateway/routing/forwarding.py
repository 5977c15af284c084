"""Which header fields does the upstream get, and which ones the client? (CONTRACT part 5)"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from mesh_gateway.routing.client import Client
from mesh_gateway.routing.fields import Field, FieldSection, named_by_connection, tokens
from mesh_gateway.routing.loop import loop_value
from mesh_gateway.routing.request import RequestHead

# RFC 9110 7.6.1 and its forerunners. `Proxy-*` goes by prefix, `TE: trailers` is said anew, `Expect` was
# answered here, and with HTTP/1's framing end the trailers that `Trailer` announces.
_ONE_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
        b"expect",
    }
)
_SET_HERE = frozenset(
    {
        b"host",
        b"x-real-ip",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-request-id",
        b"cdn-loop",
    }
)
# A CGI script finds `Proxy` in HTTP_PROXY, and its clients believe that (CVE-2016-5385).
_HTTPOXY = frozenset({b"proxy"})
_NEVER = _ONE_HOP | _SET_HERE | _HTTPOXY
_NEVER_FROM_STRANGERS = _NEVER | {b"forwarded"}
_NEVER_PREFIXES: tuple[bytes, ...] = (b"x-mesh-", b"proxy-")
_CLAIMS_PREFIXES = (*_NEVER_PREFIXES, b"x-forwarded-")

# Proxy-Status is for the client (RFC 9209), so no prefix here; nor `Trailer`, which is no hop's own any more
_ONE_HOP_ANSWER = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"te",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Alt-Svc would send the client to a port of ours where nobody speaks it (HAZARDS E8)
_NEVER_ANSWER = _ONE_HOP_ANSWER | {b"alt-svc", b"x-mesh-route", b"x-request-id"}
_UPGRADE = frozenset({b"connection", b"upgrade"})
_ASKS_FOR_UPGRADE: tuple[Field, ...] = ((b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"))


@dataclass(frozen=True, slots=True)
class Forwarding:
    """What the gateway knows of a request beyond its head."""

    client: Client
    host: str
    """The public host, normalised, without port."""
    port: int
    scheme: str
    """Exactly `http` or `https`: how the client spoke."""
    loop_token: str
    websocket: bool


@dataclass(frozen=True, slots=True)
class ForwardedFields:
    """All fields for an upstream but one: the request's id stands between the two halves."""

    before: tuple[Field, ...]
    after: tuple[Field, ...]
    lines: tuple[bytes, bytes] = field(init=False, repr=False, compare=False)
    """The halves as HTTP/1 has them, up to the id and behind it."""

    def __post_init__(self) -> None:
        before, after = (b"".join([b"%b: %b\r\n" % line for line in half]) for half in (self.before, self.after))
        object.__setattr__(self, "lines", (before + b"X-Request-ID: ", b"\r\n" + after))

    def with_id(self, request_id: str) -> tuple[Field, ...]:
        """All fields."""
        return (*self.before, (b"X-Request-ID", request_id.encode()), *self.after)

    def http1_lines(self, request_id: str) -> bytes:
        """The same as lines of HTTP/1, the last one with its end."""
        before, after = self.lines
        return before + request_id.encode() + after


def forwarded_fields(head: RequestHead, forwarding: Forwarding) -> ForwardedFields:
    """All fields for the upstream: `Host`, what is passed on in its order, what the gateway says. Framing is the path's."""
    client, host = forwarding.client, forwarding.host.encode()
    return ForwardedFields(
        (
            (b"Host", host),
            *head.fields.derive(_of_trusted if client.trusted else _of_stranger),
            (b"X-Real-IP", client.address.encode()),
            (b"X-Forwarded-For", client.forwarded_for.encode("latin-1")),
            (b"X-Forwarded-Proto", forwarding.scheme.encode()),
            (b"X-Forwarded-Host", host),
            (b"X-Forwarded-Port", b"%d" % forwarding.port),
        ),
        (
            (b"CDN-Loop", loop_value(head.fields.by_name.get(b"cdn-loop", ()), forwarding.loop_token)),
            *(_ASKS_FOR_UPGRADE if forwarding.websocket else ()),
        ),
    )


def answer_fields(
    fields: tuple[Field, ...], *, request_id: str, mesh_route: str | None, upgrade: bool
) -> tuple[Field, ...]:
    """All fields for the client but for the framing, given those of the upstream; `upgrade` for the answer 101."""
    section = fields if isinstance(fields, FieldSection) else FieldSection(fields)
    kept = section.derive(_of_upgrade if upgrade else _of_answer)
    identity = (b"X-Request-ID", request_id.encode())
    return (*kept, identity) if mesh_route is None else (*kept, identity, (b"X-Mesh-Route", mesh_route.encode()))


def _of_stranger(section: FieldSection) -> tuple[Field, ...]:
    return tuple(_passed_on(section, _NEVER_FROM_STRANGERS, _CLAIMS_PREFIXES))


def _of_trusted(section: FieldSection) -> tuple[Field, ...]:
    return tuple(_passed_on(section, _NEVER, _NEVER_PREFIXES))


def _passed_on(section: FieldSection, never: frozenset[bytes], prefixes: tuple[bytes, ...]) -> Iterator[Field]:
    dropped = never | named_by_connection(section.by_name.get(b"connection", ()))
    cookies = section.by_name.get(b"cookie", [])
    for name, value in section:
        lowered = name.lower()
        # CGI-like readers take `_` for `-`: such a name could pass for any of those above (HAZARDS B15)
        if lowered in dropped or b"_" in lowered or lowered.startswith(prefixes):
            continue
        if lowered == b"content-length":
            yield name, _plain_length(value)
        elif lowered != b"cookie":
            yield name, value
        elif cookies:
            yield name, b"; ".join(cookies)  # HTTP/2 cuts them into crumbs (RFC 9113 8.2.3)
            cookies = []
    # without `Connection: TE`, as Go and Envoy do: it announces what we understand, the next hop may ignore it
    if b"trailers" in tokens(section.by_name.get(b"te", ())):
        yield b"TE", b"trailers"


def _plain_length(value: bytes) -> bytes:
    """Without leading zeros, which RFC 9110 8.6 allows, some readers refuse (mitmproxy 12.2.3) and others take for octal."""
    return value.lstrip(b"0") or b"0"


def _of_answer(section: FieldSection) -> tuple[Field, ...]:
    return _returned(section, _NEVER_ANSWER)


def _of_upgrade(section: FieldSection) -> tuple[Field, ...]:
    return _returned(section, _NEVER_ANSWER, _UPGRADE)


def _returned(
    section: FieldSection, never: frozenset[bytes], even_so: frozenset[bytes] = frozenset()
) -> tuple[Field, ...]:
    dropped = never | named_by_connection(section.by_name.get(b"connection", ()))
    if b"transfer-encoding" in section.by_name:
        dropped |= {b"content-length"}  # RFC 9112 6.3: overridden, and to be removed before it misleads anybody
    dropped -= even_so
    return tuple(field for field in section if field[0].lower() not in dropped)
