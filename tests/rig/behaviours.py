"""How can an upstream answer? One small function for each way; those with parameters return a behaviour."""

import asyncio

from tests.rig.call import Behaviour, Call, chunk
from tests.rig.payload import blocks

_LAST_CHUNK = b"0\r\n\r\n"
_FOREVER_SECONDS = 3600


async def describe(call: Call) -> None:
    """The default: 200 and a JSON of what arrived."""
    await call.drain()
    await call.reply_json(200, {"origin": call.origin, **call.arrival.summary()})


async def echo(call: Call) -> None:
    """The request's body comes back, framed as it came."""
    framing = next((f for f in call.arrival.fields if f[0].lower() in ("content-length", "transfer-encoding")), None)
    await call.head(200, framing or ("Content-Length", "0"))
    async for piece in call.body():
        await call.send(chunk(piece) if framing and framing[0].lower() == "transfer-encoding" else piece)
    if framing and framing[0].lower() == "transfer-encoding":
        await call.send(_LAST_CHUNK)


def status(code: int, *fields: tuple[str, str], body: bytes = b"") -> Behaviour:
    """That status, with what fields and body are given."""

    async def answer(call: Call) -> None:
        await call.drain()
        await call.reply(code, body, *fields)

    return answer


def download(size: int) -> Behaviour:
    """`size` bytes with a Content-Length; to HEAD the head alone."""

    async def answer(call: Call) -> None:
        await call.drain()
        await call.head(200, ("Content-Length", str(size)))
        for block in blocks(size if call.arrival.method != "HEAD" else 0):
            await call.send(block)

    return answer


def chunked(size: int, *trailers: tuple[str, str]) -> Behaviour:
    """`size` bytes in chunks, then the trailers."""

    async def answer(call: Call) -> None:
        await call.drain()
        await call.head(200, ("Transfer-Encoding", "chunked"))
        for block in blocks(size):
            await call.send(chunk(block))
        lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
        await call.send(f"0\r\n{lines}\r\n".encode())

    return answer


def until_close(size: int) -> Behaviour:
    """`size` bytes that end with the connection (RFC 9112 6.3, case 8)."""

    async def answer(call: Call) -> None:
        await call.drain()
        await call.head(200, ("Connection", "close"))
        for block in blocks(size):
            await call.send(block)
        call.hang_up()

    return answer


def interim(*codes: int) -> Behaviour:
    """Interim answers first, 103 with a Link, then the default."""

    async def answer(call: Call) -> None:
        for code in codes:
            await call.head(code, *([("Link", "</style.css>; rel=preload")] if code == 103 else []))
        await describe(call)

    return answer


async def reset(call: Call) -> None:
    """Nothing but RST, once the request is there."""
    await call.drain()
    call.reset()


async def hang_up(call: Call) -> None:
    """Nothing but FIN, once the request is there."""
    await call.drain()
    call.hang_up()


async def garbage(call: Call) -> None:
    """Bytes that are no HTTP."""
    await call.send(b"\x00\x01 this is not an answer\r\n\r\n")
    call.hang_up()


def cut(promised: int, sent: int) -> Behaviour:
    """A body that breaks off before its Content-Length."""

    async def answer(call: Call) -> None:
        await call.drain()
        await call.head(200, ("Content-Length", str(promised)))
        for block in blocks(sent):
            await call.send(block)
        call.hang_up()

    return answer


def cut_chunked(sent: int) -> Behaviour:
    """A chunked body that breaks off without its last chunk."""

    async def answer(call: Call) -> None:
        await call.drain()
        await call.head(200, ("Transfer-Encoding", "chunked"))
        for block in blocks(sent):
            await call.send(chunk(block))
        call.hang_up()

    return answer


def slow(seconds: float) -> Behaviour:
    """The default answer, after a while."""

    async def answer(call: Call) -> None:
        await call.drain()
        await asyncio.sleep(seconds)
        await describe(call)

    return answer


def trickle(body: bytes, seconds: float) -> Behaviour:
    """One byte of the body each `seconds`."""

    async def answer(call: Call) -> None:
        await call.drain()
        await call.head(200, ("Content-Length", str(len(body))))
        for byte in body:
            await call.send(bytes([byte]))
            await asyncio.sleep(seconds)

    return answer


async def too_large(call: Call) -> None:
    """An early 413: the body is not read, and the connection ends."""
    await call.reply(413, b"too large", ("Connection", "close"))
    call.hang_up()


async def silence(call: Call) -> None:
    """Neither reads the body nor answers."""
    await asyncio.sleep(_FOREVER_SECONDS)
    call.hang_up()


async def leave_after(call: Call) -> None:
    """The default answer, keep-alive, and then the idle connection is closed all the same."""
    await describe(call)
    call.hang_up()


def big_head(size: int) -> Behaviour:
    """200 with one field of `size` bytes."""
    return status(200, ("X-Big", "b" * size))


async def refuse_upgrade(call: Call) -> None:
    """No WebSocket here."""
    await call.reply(403, b"no upgrade here")


def once(first: Behaviour, later: Behaviour = describe) -> Behaviour:
    """`first` for the first call, `later` for all that follow."""
    waiting = [first]

    async def answer(call: Call) -> None:
        await (waiting.pop() if waiting else later)(call)

    return answer
