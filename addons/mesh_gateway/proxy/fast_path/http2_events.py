"""What can a client have said over HTTP/2? Tuples, because one or two are made for each request."""

from typing import NamedTuple

from mesh_gateway.routing.head import Field


class HeadCame(NamedTuple):
    """A stream has begun."""

    stream: int
    fields: tuple[Field, ...]
    """The pseudo fields too, as they came; the same object for the same block."""
    is_ended: bool
    size: int
    """Bytes of the block that they came in."""


class DataCame(NamedTuple):
    """A piece of a body."""

    stream: int
    data: bytes
    size: int
    """What the frame took of the window, padding included (RFC 9113 6.9.1)."""
    is_ended: bool


class TrailersCame(NamedTuple):
    """The end of a body, with something more."""

    stream: int
    fields: tuple[Field, ...]


class WasReset(NamedTuple):
    """A stream has ended in between."""

    stream: int
    code: int
    is_clients: bool
    """Whether the client has done it; else the endpoint has, for the client's fault."""


class WindowOpened(NamedTuple):
    """More may be sent, on one stream or, by a setting, on all: then it is 0."""

    stream: int


class SaidGoodbye(NamedTuple):
    """The client will ask nothing further."""

    code: int


Event = HeadCame | DataCame | TrailersCame | WasReset | WindowOpened | SaidGoodbye
