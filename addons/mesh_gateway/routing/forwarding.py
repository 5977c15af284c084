"""Which header fields does the upstream get, and which ones the client? (CONTRACT part 5)"""

from collections.abc import Iterator
from dataclasses import dataclass

from mesh_gateway.routing.client import Client
from mesh_gateway.routing.fields import Field, FieldSection, named_by_connection, tokens
from mesh_gateway.routing.loop import loop_value
from mesh_gateway.routing.request import RequestHead

# RFC 9110 7.6.1 and its forerunners. `Proxy-*` goes by prefix, `TE: trailers` is said anew, `Expect` was
# answered here, and with HTTP/1's framing end the trailers that `Trailer` announces.
_ONE_HOP = frozenset(
    {b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"http2-settings", b"expect"}
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
_NEVER = _ONE_HOP | _SET_HERE
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


@dataclass(frozen=True, slots=True)
class Forwarding:
    """What the gateway knows of a request beyond its head."""

    client: Client
    host: str
    """The public host, normalised, without port."""
    port: int
    scheme: str
    """Exactly `http` or `https`: how the client spoke."""
    request_id: str
    loop_token: str
    websocket: bool


def forwarded_fields(head: RequestHead, forwarding: Forwarding) -> tuple[Field, ...]:
    """All fields for the upstream: `Host`, what is passed on in its order, what the gateway says. Framing is the path's."""
    return (
        (b"Host", forwarding.host.encode()),
        *_what_passes(head, trusted=forwarding.client.trusted),
        *_said(head, forwarding),
    )


def answer_fields(
    fields: tuple[Field, ...], *, request_id: str, mesh_route: str | None, upgrade: bool
) -> tuple[Field, ...]:
    """All fields for the client but for the framing, given those of the upstream; `upgrade` for the answer 101."""
    kept = list(_what_returns(fields, upgrade=upgrade))
    kept.append((b"X-Request-ID", request_id.encode()))
    if mesh_route is not None:
        kept.append((b"X-Mesh-Route", mesh_route.encode()))
    return tuple(kept)


def _what_returns(fields: tuple[Field, ...], *, upgrade: bool) -> tuple[Field, ...]:
    """What of an answer's fields is the client's, worked out once for a section that comes again."""
    if not isinstance(fields, FieldSection):
        fields = FieldSection(fields)
    known = fields.derived.get(upgrade)
    if known is None:
        known = fields.derived[upgrade] = _returned(fields, upgrade=upgrade)
    return known


def _returned(fields: FieldSection, *, upgrade: bool) -> tuple[Field, ...]:
    by_name = fields.by_name
    dropped = _NEVER_ANSWER | named_by_connection(by_name.get(b"connection", ()))
    if b"transfer-encoding" in by_name:
        dropped |= {b"content-length"}  # RFC 9112 6.3: overridden, and to be removed before it misleads anybody
    if upgrade:
        dropped -= _UPGRADE
    return tuple([field for field in fields if field[0].lower() not in dropped])


def _what_passes(head: RequestHead, *, trusted: bool) -> tuple[Field, ...]:
    """`_passed_on`, worked out once for a section that comes again."""
    if not isinstance(head.fields, FieldSection):
        return tuple(_passed_on(head, trusted=trusted))
    known = head.fields.derived.get(trusted)
    if known is None:
        known = head.fields.derived[trusted] = tuple(_passed_on(head, trusted=trusted))
    return known


def _passed_on(head: RequestHead, *, trusted: bool) -> Iterator[Field]:
    dropped = _NEVER | named_by_connection(head.values(b"connection"))
    prefixes = _NEVER_PREFIXES
    if not trusted:
        dropped |= {b"forwarded"}
        prefixes = _CLAIMS_PREFIXES
    cookies = head.values(b"cookie")
    for name, value in head.fields:
        lowered = name.lower()
        # CGI-like readers take `_` for `-`: such a name could pass for any of those above (HAZARDS B15)
        if lowered in dropped or b"_" in lowered or lowered.startswith(prefixes):
            continue
        if lowered != b"cookie":
            yield name, value
        elif cookies:
            yield name, b"; ".join(cookies)  # HTTP/2 cuts them into crumbs (RFC 9113 8.2.3)
            cookies = []


def _said(head: RequestHead, forwarding: Forwarding) -> list[Field]:
    client = forwarding.client
    host = forwarding.host.encode()
    said = [
        (b"X-Real-IP", client.address.encode()),
        (b"X-Forwarded-For", client.forwarded_for.encode("latin-1")),
        (b"X-Forwarded-Proto", forwarding.scheme.encode()),
        (b"X-Forwarded-Host", host),
        (b"X-Forwarded-Port", b"%d" % forwarding.port),
        (b"X-Request-ID", forwarding.request_id.encode()),
        (b"CDN-Loop", loop_value(head.values(b"cdn-loop"), forwarding.loop_token)),
    ]
    # without `Connection: TE`, as Go and Envoy do: it announces what we understand, the next hop may ignore it
    if (te := head.values(b"te")) and b"trailers" in tokens(te):
        said.insert(0, (b"TE", b"trailers"))
    if forwarding.websocket:
        said += [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]
    return said
