"""Rows: which connections are upgraded, and what goes over them? WebSockets."""

from tests.parity.row import House, Row
from tests.parity.script import Answers, HalfClose, Leave, Raw, Send, Silence, ask, head
from tests.parity.upstreams import Flaw, answers, hello, says, up
from tests.rig import behaviours
from tests.rig.call import Call

KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
VERSION = "Sec-WebSocket-Version: 13"
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket")
HANDSHAKE = head("GET", "/chat", *UPGRADE, KEY, VERSION, "Sec-WebSocket-Protocol: a, b", "Origin: http://x")
ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: b\r\nX-Kept: 1\r\n\r\n"
)


async def echo(call: Call) -> None:
    """101, and each piece comes back, whatever it is, until the peer sends no more."""
    await call.send(ACCEPTED)
    while data := await call.reader.read(1 << 16):
        await call.send(data)
    call.hang_up()


async def greet(call: Call) -> None:
    """101 with the first bytes right behind it, and the end."""
    await call.send(ACCEPTED + b"welcome")
    call.hang_up()


ROWS = (
    Row(
        "a WebSocket",
        (101,),
        (Send(HANDSHAKE), Answers(("GET",)), Send(b"\x81\x02hi"), Raw(4), HalfClose(), Silence()),
        (up(echo),),
    ),
    Row(
        "a WebSocket over TLS",
        (101,),
        (Send(HANDSHAKE), Answers(("GET",)), Send(b"\x81\x02hi"), Raw(4), Leave()),
        (up(echo),),
        tls=True,
    ),
    Row(
        "frames right behind the handshake",
        (101,),
        (Send(HANDSHAKE + b"\x81\x02hi"), Answers(("GET",)), Raw(4), Leave()),
        (up(echo),),
    ),
    Row(
        "an upstream that speaks first and ends",
        (101,),
        (Send(HANDSHAKE), Answers(("GET",)), Raw(7), Silence()),
        (up(greet),),
    ),
    Row("a client that leaves a WebSocket", (101,), (Send(HANDSHAKE), Answers(("GET",)), Leave()), (up(echo),)),
    Row(
        "a WebSocket that the upstream refuses",
        (403,),
        (Send(HANDSHAKE), Answers(("GET",))),
        (up(behaviours.refuse_upgrade),),
    ),
    Row("a WebSocket that the upstream takes for a GET", (200, 200), (Send(HANDSHAKE), Answers(("GET",)), *ask())),
    Row(
        "a WebSocket behind a GET",
        (200, 101),
        (*ask(), Send(HANDSHAKE), Answers(("GET",)), Send(b"hi"), Raw(2), Leave()),
        (up(hello, echo),),
    ),
    Row("a WebSocket without a key", (200,), ask("GET", "/chat", *UPGRADE, VERSION)),
    Row("a WebSocket by POST", (200,), ask("POST", "/chat", *UPGRADE, KEY, VERSION, body=b"abc")),
    Row(
        "a WebSocket in HTTP/1.0",
        (200,),
        (Send(head("GET", "/chat", *UPGRADE, KEY, VERSION, version="HTTP/1.0")), Answers(("GET",))),
    ),
    Row(
        "a WebSocket among other upgrades",
        (200,),
        ask("GET", "/chat", "Connection: Upgrade", "Upgrade: h2c, websocket", KEY, VERSION),
        allowed=(),
    ),
    Row("an upgrade without Connection", (200,), ask("GET", "/chat", "Upgrade: websocket", KEY, VERSION)),
    Row("another protocol", (200,), ask("GET", "/", "Connection: Upgrade", "Upgrade: irc")),
    Row(
        "a WebSocket behind a dead route",
        (101,),
        (Send(HANDSHAKE), Answers(("GET",)), Send(b"hi"), Raw(2), Leave()),
        (Flaw.REFUSES, up(echo)),
    ),
    Row("a WebSocket with no route alive", (504,), (Send(HANDSHAKE), Answers(("GET",))), (Flaw.REFUSES,)),
    Row(
        "a trusted peer stands for a missing Upgrade",
        (101,),
        (Send(head("GET", "/", "X-Mesh-WebSocket: 1", KEY, VERSION)), Answers(("GET",)), Leave()),
        (up(echo),),
        House.TRUSTING,
    ),
    Row("a handshake that breaks", (502,), (Send(HANDSHAKE), Answers(("GET",))), (up(behaviours.hang_up),)),
    Row(
        "101 after 103",
        (101,),
        (Send(HANDSHAKE), Answers(("GET",)), Leave()),
        (up(says(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ACCEPTED)),),
        allowed=("interim",),
    ),
    Row(
        "101 to something else than a WebSocket",
        (502,),
        ask("GET", "/", "Connection: Upgrade", "Upgrade: irc"),
        (up(answers("101 Switching Protocols", "Upgrade: irc", "Connection: Upgrade")),),
    ),
)
