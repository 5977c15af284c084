"""Only a valid handshake opens a tunnel."""

import pytest

from mesh_gateway.routing.client import Client
from mesh_gateway.routing.websocket import is_websocket
from tests.routing.heads import EDGE, STRANGER, http1, http2

KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
VERSION = "Sec-WebSocket-Version: 13"
UPGRADE = "Upgrade: websocket"
CONNECTION = "Connection: Upgrade"
FULL = [KEY, VERSION, UPGRADE, CONNECTION]


@pytest.mark.parametrize(
    ("lines", "request_line", "client", "expected"),
    [
        pytest.param(FULL, "GET /ws HTTP/1.1", STRANGER, True, id="handshake"),
        pytest.param([KEY, VERSION, "Upgrade: h2c, WebSocket", "Connection: keep-alive, upgrade"], "GET / HTTP/1.1", STRANGER, True, id="among others"),
        pytest.param([*FULL, "Content-Length: 0"], "GET / HTTP/1.1", STRANGER, True, id="empty body"),
        pytest.param(FULL, "POST / HTTP/1.1", STRANGER, False, id="POST"),
        pytest.param(FULL, "GET / HTTP/1.0", STRANGER, False, id="1.0"),
        pytest.param([*FULL, "Content-Length: 1"], "GET / HTTP/1.1", STRANGER, False, id="body"),
        pytest.param([*FULL, "Transfer-Encoding: chunked"], "GET / HTTP/1.1", STRANGER, False, id="chunked"),
        pytest.param([KEY, VERSION, UPGRADE], "GET / HTTP/1.1", STRANGER, False, id="no connection"),
        pytest.param([KEY, VERSION, UPGRADE, "Connection: close"], "GET / HTTP/1.1", STRANGER, False, id="connection without upgrade"),
        pytest.param([KEY, VERSION, CONNECTION], "GET / HTTP/1.1", STRANGER, False, id="no upgrade"),
        pytest.param([KEY, VERSION, CONNECTION, "Upgrade: h2c"], "GET / HTTP/1.1", STRANGER, False, id="B7 h2c"),
        pytest.param([KEY, VERSION, CONNECTION, "Upgrade: websocketx"], "GET / HTTP/1.1", STRANGER, False, id="no such token"),
        pytest.param([VERSION, UPGRADE, CONNECTION], "GET / HTTP/1.1", STRANGER, False, id="no key"),
        pytest.param([KEY, *FULL], "GET / HTTP/1.1", STRANGER, False, id="two keys"),
        pytest.param(["Sec-WebSocket-Key: abcd", VERSION, UPGRADE, CONNECTION], "GET / HTTP/1.1", STRANGER, False, id="short key"),
        pytest.param([KEY, UPGRADE, CONNECTION], "GET / HTTP/1.1", STRANGER, False, id="no version"),
        pytest.param([KEY, "Sec-WebSocket-Version: 8", UPGRADE, CONNECTION], "GET / HTTP/1.1", STRANGER, False, id="version 8"),
        pytest.param([KEY, VERSION, "X-Mesh-WebSocket: 1"], "GET / HTTP/1.1", EDGE, True, id="edge's word for it"),
        pytest.param([KEY, VERSION, "X-Mesh-WebSocket: 1"], "GET / HTTP/1.1", STRANGER, False, id="stranger's word for it"),
        pytest.param([KEY, VERSION, "X-Mesh-WebSocket: 0"], "GET / HTTP/1.1", EDGE, False, id="edge's word against it"),
        pytest.param([KEY, VERSION, "X-Mesh-WebSocket: 1", "Upgrade: h2c", CONNECTION], "GET / HTTP/1.1", EDGE, False, id="stands for a missing upgrade only"),
    ],
)  # fmt: skip
def test_a_handshake_is_told(lines: list[str], request_line: str, client: Client, expected: bool) -> None:
    assert is_websocket(http1(*lines, request_line=request_line), client) is expected


def test_http2_has_no_upgrade() -> None:
    head = http2(
        (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        (b"sec-websocket-version", b"13"),
        (b"x-mesh-websocket", b"1"),
    )
    assert not is_websocket(head, EDGE)
