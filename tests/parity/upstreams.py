"""How do the upstreams of the table answer? Byte for byte, so that what the gateway makes of it can be compared."""

import asyncio
from dataclasses import dataclass
from enum import Enum, unique

from tests.rig.call import Behaviour, Call


@unique
class Then(Enum):
    """What an upstream does behind its answer."""

    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"


def says(answer: bytes, then: Then = Then.KEEP, *, unread: bool = False) -> Behaviour:
    """That answer once the request is there, or as soon as its head is (`unread`)."""

    async def answer_so(call: Call) -> None:
        if not unread:
            await call.drain()
        await call.send(answer)
        match then:
            case Then.KEEP:
                pass
            case Then.CLOSE:
                call.hang_up()
            case Then.RESET:
                await asyncio.sleep(0.05)  # what was sent may arrive before the reset overtakes it
                call.reset()

    return answer_so


def answers(status_line: str, *lines: str, body: bytes = b"", then: Then = Then.KEEP) -> Behaviour:
    """A head of these lines as they are, and a body; nothing is added."""
    return says("\r\n".join([f"HTTP/1.1 {status_line}", *lines, "", ""]).encode("latin-1") + body, then)


HELLO_FIELDS = (
    "Server: origin/1",
    "Date: Tue, 15 Nov 1994 08:12:31 GMT",
    "content-TYPE: text/plain",
    "Set-Cookie: a=1",
    "Set-Cookie: b=2; Path=/",
    "X-Odd:   spaces around   ",
    'ETag: "x"',
)


async def hello(call: Call) -> None:
    """The default: a fixed answer whose fields have odd cases, spaces and a name twice."""
    await call.drain()
    lines = "\r\n".join(["HTTP/1.1 200 OK", *HELLO_FIELDS, "Content-Length: 5", "", ""]).encode()
    await call.send(lines + (b"hello" if call.arrival.method != "HEAD" else b""))


async def hello_then_leave(call: Call) -> None:
    """A keep-alive answer, and the idle connection is closed all the same."""
    await hello(call)
    call.hang_up()


async def continues(call: Call) -> None:
    """100 before the body is read, then the default answer."""
    await call.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    await hello(call)


async def refuses_body(call: Call) -> None:
    """417 without 100 and without the body (RFC 9110 10.1.1)."""
    await call.send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
    call.hang_up()


async def refuses_early(call: Call) -> None:
    """413 before the body; what still comes is thrown away, so that no reset overtakes the answer."""
    await call.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
    call.keep = False
    while await call.reader.read(1 << 16):
        pass


async def takes_and_resets(call: Call) -> None:
    """The request is read, and answered by RST."""
    await call.drain()
    call.reset()


async def is_silent(call: Call) -> None:
    """The request is read and never answered."""
    await call.drain()
    await call.reader.read()


async def stalls(call: Call) -> None:
    """Half an answer, and then nothing."""
    await call.drain()
    await call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf-")
    await call.reader.read()


@unique
class Tls(Enum):
    """What an upstream speaks, and who vouches for it."""

    NONE = "plain"
    GOOD = "the tenant's certificate"
    WILDCARD = "a certificate for all names"
    HTTP2 = "the tenant's certificate, and HTTP/2"
    OTHER_NAME = "another name's certificate"
    UNTRUSTED = "nobody's certificate"


@dataclass(frozen=True, slots=True)
class Up:
    """An upstream that listens. `behaviours` answer its first, second ... request, the last one all that follow."""

    behaviours: tuple[Behaviour, ...] = (hello,)
    tls: Tls = Tls.NONE
    source: str = "agent"
    sleeps: bool = False
    """Whether nobody listens until the client's script says so."""


@unique
class Flaw(Enum):
    """A route that leads nowhere."""

    REFUSES = "nobody listens"
    SILENT = "no SYN is answered"
    LOOP = "the gateway's own port"


Place = Up | Flaw


def up(*behaviours: Behaviour, tls: Tls = Tls.NONE, source: str = "agent") -> Up:
    """An upstream that answers so."""
    return Up(behaviours or (hello,), tls, source)
