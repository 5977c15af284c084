"""What does a client do in one row of the table? Steps over HTTP/1, streams over HTTP/2.

In bytes and fields `{host}` stands for the row's own host, whose name is chosen when the row is run.
"""

from dataclasses import dataclass
from enum import Enum, unique

HOST = "{host}"


@dataclass(frozen=True, slots=True)
class Send:
    """These bytes, in one piece."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Answers:
    """Read a final answer to each of these methods."""

    methods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interim:
    """Read one 1xx answer; the body is held back until then."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """Wait until so many heads have reached upstreams."""

    count: int


@dataclass(frozen=True, slots=True)
class Raw:
    """Read so many bytes of an upgraded connection."""

    count: int


@dataclass(frozen=True, slots=True)
class HalfClose:
    """Send no more, and read on."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Send no more and wait for the gateway to say or end something."""


@dataclass(frozen=True, slots=True)
class Wake:
    """Let the upstreams listen that did not so far."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Break off at once, without a look at what becomes of the connection."""


Step = Send | Answers | Interim | Arrived | Raw | HalfClose | Silence | Wake | Leave
Http1Script = tuple[Step, ...]


@unique
class Ending(Enum):
    """What the client of an HTTP/2 stream does once its body is out."""

    READ = "reads the answer"
    RESET = "resets the stream as soon as its head arrived upstream"
    READ_SLOWLY = "keeps its window shut until the answer's head is there and the upstream has waited"


Lines = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """One stream."""

    method: str = "GET"
    path: str = "/"
    fields: Lines = ()
    body: bytes | None = None
    trailers: Lines = ()
    head: Lines | None = None
    """The whole head, pseudo fields included, where it is not an ordinary one."""
    ending: Ending = Ending.READ
    wakes: bool = False
    """Whether the upstreams that did not listen so far do so from here on."""

    @property
    def lines(self) -> Lines:
        """All fields."""
        pseudo = ((":method", self.method), (":scheme", "https"), (":path", self.path), (":authority", HOST))
        return (*pseudo, *self.fields) if self.head is None else self.head


@dataclass(frozen=True, slots=True)
class Http2Script:
    """Streams of one connection, one after another; or, behind the first, which makes the routes known, all at once."""

    asks: tuple[Ask, ...]
    at_once: bool = False


def head(method: str = "GET", target: str = "/", *lines: str, version: str = "HTTP/1.1", host: str = HOST) -> bytes:
    """A request head with its `Host` first."""
    return "\r\n".join([f"{method} {target} {version}", f"Host: {host}", *lines, "", ""]).encode("latin-1")


def ask(
    method: str = "GET", target: str = "/", *lines: str, body: bytes | None = None, host: str = HOST
) -> Http1Script:
    """A request, with a length where it has a body, and its answer."""
    length = () if body is None else (f"Content-Length: {len(body)}",)
    return Send(head(method, target, *length, *lines, host=host) + (body or b"")), Answers((method,))


def raw(data: bytes, *methods: str) -> Http1Script:
    """Any bytes, and the answers to so many methods; to one GET where none is named."""
    return Send(data), Answers(methods or ("GET",))


def streams(*asks: Ask, at_once: bool = False) -> Http2Script:
    """Requests over HTTP/2."""
    return Http2Script(asks, at_once)
