"""What do those bytes say to another strict reader? h11 reads what was sent, and what arrived."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import h11

_ABSOLUTE = re.compile(rb"https?://([^/?#]+)(.*)", re.IGNORECASE | re.DOTALL)
_LARGEST_HEAD = 1 << 20


@dataclass(frozen=True, slots=True)
class Read:
    """One request."""

    method: bytes
    target: bytes
    host: bytes
    body: bytes
    is_whole: bool
    ends_connection: bool = False
    """By the client's own wish."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The requests in some bytes, the last one perhaps begun only."""

    reads: tuple[Read, ...]
    complaint: str = ""
    """Why reading ended before the bytes did."""
    left: bytes = b""
    """What is behind the last whole request."""

    @property
    def whole(self) -> int:
        """How many requests are whole."""
        return sum(read.is_whole for read in self.reads)


def judge(data: bytes) -> Judgement:
    """All requests, up to the first flaw or the end of the connection."""
    reads: list[Read] = []
    while data:
        read, left, complaint = read_one(data)
        if read:
            reads.append(read)
        if complaint or not read or not read.is_whole:
            return Judgement(tuple(reads), complaint, data)
        data = left
        if read.ends_connection:
            break
    return Judgement(tuple(reads), left=data)


def read_one(data: bytes) -> tuple[Read | None, bytes, str]:
    """The first request, None where its head is not whole; the bytes behind it; what h11 has to say against it."""
    data = data.removeprefix(b"\r\n")  # RFC 9112 2.2 has one empty line forgiven, h11 does not
    read: Read | None = None
    if not data:
        return read, b"", ""
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST_HEAD)
    parser.receive_data(data)
    try:
        while (event := parser.next_event()) is not h11.NEED_DATA:
            match event:
                case h11.Request():
                    read = Read(event.method, event.target, _host(event), b"", False, _wants_close(event))
                case h11.Data() if read:
                    read = replace(read, body=read.body + bytes(event.data))
                case h11.EndOfMessage() if read:
                    return replace(read, is_whole=True), parser.trailing_data[0], ""
                case _:
                    raise AssertionError(f"unexpected {event}")
    except h11.RemoteProtocolError as error:
        return read, b"", str(error)
    return read, b"", ""


def as_forwarded(read: Read) -> Read:
    """The same request as an upstream has to see it: in origin-form, for the bare host."""
    absolute = _ABSOLUTE.fullmatch(read.target)
    target, host = read.target, read.host
    if absolute:
        host, rest = absolute.groups()
        target = rest if rest.startswith(b"/") else (b"*" if read.method == b"OPTIONS" and not rest else b"/" + rest)
    name = host.lower().partition(b":")[0].removesuffix(b".")
    return replace(read, target=target, host=name, ends_connection=False)


def is_nothing_new(arrived: Iterable[Read], judgement: Judgement) -> bool:
    """Is everything that arrived, in its order, found in what was sent?"""
    sent = iter([as_forwarded(read) for read in judgement.reads])
    return all(any(_is_same(read, one) for one in sent) for read in arrived)


def _is_same(got: Read, sent: Read) -> bool:
    """A request that was broken off may be a part of one, and none may be whole that was sent in part."""
    if (got.method, got.target, got.host) != (sent.method, sent.target, sent.host):
        return False
    return (got.body, True) == (sent.body, sent.is_whole) if got.is_whole else sent.body.startswith(got.body)


def _wants_close(request: h11.Request) -> bool:
    """RFC 9112 9.3; h11 itself keeps no connection of HTTP/1.0."""
    options = {
        option.strip().lower()
        for name, value in request.headers
        if name == b"connection"
        for option in value.split(b",")
    }
    return b"close" in options or (request.http_version == b"1.0" and b"keep-alive" not in options)


def _host(request: h11.Request) -> bytes:
    return next((bytes(value) for name, value in request.headers if name == b"host"), b"")
