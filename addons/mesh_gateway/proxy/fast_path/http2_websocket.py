"""How does a WebSocket begin over HTTP/2? As an extended CONNECT here, as an upgrade towards the upstream (RFC 8441)."""

import base64
import hashlib
from collections.abc import Callable
from typing import override

from mesh_gateway.pipeline import OwnAnswer
from mesh_gateway.proxy.fast_path.exchange import FastExchange
from mesh_gateway.proxy.fast_path.sides import AnswerStart
from mesh_gateway.routing.fields import FieldSection
from mesh_gateway.routing.head import Field, Rejection, RequestHead, Version
from mesh_gateway.routing.verdicts import Failure

SWITCHING_PROTOCOLS = 101
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3
# RFC 8441 5: the handshake of HTTP/2 has neither of them.
_HANDSHAKE = frozenset({b"sec-websocket-key", b"sec-websocket-accept"})
_OK, _REDIRECTS = 200, 300


def upgrade_head(head: RequestHead, new_key: Callable[[], bytes]) -> RequestHead | Rejection:
    """The opening handshake of RFC 6455 that an extended CONNECT stands for; `head` is its head, read as a GET's."""
    if head.only(b"sec-websocket-version") != b"13":
        return Rejection(Failure.BAD_REQUEST, "sec-websocket-version other than 13")
    upgrade: tuple[Field, ...] = (
        (b"connection", b"Upgrade"),
        (b"upgrade", b"websocket"),
        (b"sec-websocket-key", base64.b64encode(new_key())),
    )
    fields = tuple(field for field in head.fields if field[0] not in _HANDSHAKE)
    return head._replace(version=Version.HTTP_1_1, fields=FieldSection(fields + upgrade))


def expected_accept(key: bytes) -> bytes:
    """What the upstream proves with that it has read the handshake (RFC 6455 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


class WebSocketExchange(FastExchange):
    """An exchange whose client takes any 2xx for an open WebSocket: it gets one only where that is so."""

    __slots__ = ()

    @override
    def answered(self, start: AnswerStart, body: bytes, *, is_whole: bool) -> None:
        if reason := self._fault(start):
            self.upstream_failed(reason, is_fault=True)
        else:
            super().answered(start, body, is_whole=is_whole)

    def _fault(self, start: AnswerStart) -> str | None:
        if start.status == SWITCHING_PROTOCOLS:
            accepted = [value for name, value in start.fields if name.lower() == b"sec-websocket-accept"]
            is_right = accepted == [expected_accept(self.head.first(b"sec-websocket-key") or b"")]
            return None if is_right else "not the sec-websocket-accept of this handshake"
        return "success without an upgrade" if _OK <= start.status < _REDIRECTS else None

    @override
    def _own_page(self, own: OwnAnswer) -> None:
        self._refuse(Failure.BAD_REQUEST, reason="a WebSocket to a page of the gateway's")
