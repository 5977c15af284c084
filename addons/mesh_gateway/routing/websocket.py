"""Is this request a WebSocket handshake? Everything else that asks for an upgrade is carried without it (HAZARDS B7)."""

import re

from mesh_gateway.routing.client import Client
from mesh_gateway.routing.fields import tokens
from mesh_gateway.routing.request import RequestHead, Version

# the base64 of 16 bytes (RFC 6455 4.1)
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")


def is_websocket(head: RequestHead, client: Client) -> bool:
    """A valid opening handshake (RFC 6455 4.2.1), after which the bytes of both sides may be relayed unseen."""
    return (
        head.method == "GET"
        and head.version is Version.HTTP_1_1
        and head.body.is_empty
        and _asks_for_upgrade(head, client)
        and head.only(b"sec-websocket-version") == b"13"
        and _KEY.fullmatch(head.only(b"sec-websocket-key") or b"") is not None
    )


def _asks_for_upgrade(head: RequestHead, client: Client) -> bool:
    if upgrade := head.values(b"upgrade"):
        return b"websocket" in tokens(upgrade) and b"upgrade" in tokens(head.values(b"connection"))
    # edge workers cannot send `Upgrade` and say so in a field of their own
    return client.trusted and head.first(b"x-mesh-websocket") == b"1"
