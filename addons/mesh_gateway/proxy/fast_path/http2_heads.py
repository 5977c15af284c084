"""What do the header blocks of HTTP/2 say, and what does the gateway say in its own?

The rules of a request's head are routing's (`http2_head.py`). What breaks HTTP/2 itself ends the connection, as h2 has
it on the flow path; what only routing refuses gets an answer on its stream (RFC 9113 8.1.1 allows both).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mesh_gateway.proxy.fast_path.http2_websocket import upgrade_head
from mesh_gateway.routing.head import Field, HeadLimits, Rejection, RequestHead, check_http2
from mesh_gateway.routing.http2_head import KnownSections
from mesh_gateway.routing.verdicts import Failure

PSEUDO = frozenset({b":method", b":scheme", b":authority", b":path", b":protocol"})
NEEDED = frozenset({b":method", b":scheme", b":path"})
SWITCHING_PROTOCOLS, SUCCESS = 101, 200
NO_CONTENT, NOT_MODIFIED = 204, 304
MAX_ANSWER_FIELDS = 200

# RFC 9113 8.2.1
_NAME = re.compile(rb":?[\x21-\x39\x3b-\x40\x5b-\x7e]+")
_VALUE = re.compile(rb"(?![\t ])[^\0\r\n]*(?<![\t ])")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_STATUS = re.compile(rb"[1-9][0-9][0-9]")
_OF_A_CONNECTION = frozenset({b"connection", b"transfer-encoding", b"keep-alive", b"proxy-connection", b"upgrade"})
# RFC 9110 6.5.1: what frames, routes or signs in means nothing in a trailer, and whoever merges trailers into the
# fields would believe it.
_NO_TRAILER = _OF_A_CONNECTION | {
    b"host", b"content-length", b"te", b"trailer", b"expect", b"authorization", b"cookie", b"set-cookie", b"forwarded",
    b"x-real-ip", b"x-request-id", b"cdn-loop",
}  # fmt: skip
_NO_TRAILER_PREFIXES = (b"x-mesh-", b"x-forwarded-", b"proxy-")
# The upgrade's own: over HTTP/2 its 101 is a 200 (RFC 8441 5).
_UPGRADE = frozenset({b"connection", b"upgrade", b"sec-websocket-accept"})


@dataclass(frozen=True, slots=True)
class Accepted:
    """A head that may be carried. An extended CONNECT has become the handshake that it stands for."""

    head: RequestHead
    is_websocket: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A head that gets an answer of the gateway's, and what stands in it for the record."""

    rejection: Rejection
    method: str
    path: str
    authority: str
    accept: bytes | None


@dataclass(frozen=True, slots=True)
class Broken:
    """A block that is not HTTP/2's."""

    reason: str


def read_head(
    headers: tuple[Field, ...],
    *,
    end_stream: bool,
    limits: HeadLimits,
    new_key: Callable[[], bytes],
    known: KnownSections | None = None,
) -> Accepted | Refused | Broken:
    """The head of a request. `known` is what the connection has said before."""
    count = 0
    for name, _ in headers:
        if not name.startswith(b":"):
            break
        count += 1
    pseudo, fields = dict(headers[:count]), headers[count:]
    if len(pseudo) < count:
        return Broken("a pseudo field that comes twice")
    if reason := _pseudo_fault(pseudo):
        return Broken(reason)
    read = _judge(pseudo, fields, end_stream=end_stream, limits=limits, new_key=new_key, known=known)
    if isinstance(read, Rejection):
        return _refused(read, pseudo, fields)
    if reason := _host_fault(pseudo, read.values(b"host")):
        return Broken(reason)
    return Accepted(read, b":protocol" in pseudo)


def _refused(rejection: Rejection, pseudo: dict[bytes, bytes], fields: Sequence[Field]) -> Refused | Broken:
    if any(name.startswith(b":") for name, _ in fields):
        return Broken("a pseudo field behind others")
    hosts = [value for name, value in fields if name == b"host"]
    if reason := _field_fault((*pseudo.items(), *fields)) or _host_fault(pseudo, hosts):
        return Broken(reason)
    accept = next((value for name, value in fields if name == b"accept"), None)
    method, path, authority = (_text(pseudo.get(name, b"")) for name in (b":method", b":path", b":authority"))
    return Refused(rejection, method, path, authority, accept)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _judge(
    pseudo: dict[bytes, bytes],
    fields: tuple[Field, ...],
    *,
    end_stream: bool,
    limits: HeadLimits,
    new_key: Callable[[], bytes],
    known: KnownSections | None,
) -> RequestHead | Rejection:
    protocol = pseudo.get(b":protocol")
    read = check_http2(
        method=pseudo[b":method"] if protocol is None else b"GET",
        scheme=pseudo[b":scheme"],
        authority=pseudo.get(b":authority", b""),
        path=pseudo[b":path"],
        fields=fields,
        end_stream=end_stream or protocol is not None,
        limits=limits,
        known=known,
    )
    if protocol is None or isinstance(read, Rejection):
        return read
    if protocol.lower() != b"websocket":
        return Rejection(Failure.BAD_REQUEST, f"CONNECT for {protocol[:60]!r}")
    return upgrade_head(read, new_key)


def _pseudo_fault(pseudo: dict[bytes, bytes]) -> str | None:
    if unknown := pseudo.keys() - PSEUDO:
        return f"unknown pseudo fields {sorted(unknown)}"[:200]
    if missing := NEEDED - pseudo.keys():
        return f"no pseudo field {sorted(missing)}"
    if b":protocol" in pseudo and pseudo[b":method"] != b"CONNECT":  # RFC 8441 4
        return ":protocol without CONNECT"
    return None if pseudo[b":path"] else "an empty path"


def _host_fault(pseudo: dict[bytes, bytes], hosts: Sequence[bytes]) -> str | None:
    authority = pseudo.get(b":authority")
    if authority is None:
        return None if hosts else "neither :authority nor host"
    return "host other than :authority" if hosts and hosts[-1] != authority else None


def _field_fault(fields: Iterable[Field]) -> str | None:
    """What of the fields breaks RFC 9113 8.2."""
    for name, value in fields:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            return f"field {name[:60]!r}"
        if name in _OF_A_CONNECTION or (name == b"te" and value.lower() != b"trailers"):
            return f"field of a connection {name!r}"
    return None


def read_trailers(headers: Iterable[Field]) -> list[Field] | Broken:
    """What of a trailer section is passed on."""
    trailers = list(headers)
    if any(name.startswith(b":") for name, _ in trailers):
        return Broken("a pseudo field in trailers")
    if reason := _field_fault(trailers):
        return Broken(reason)
    return [field for field in trailers if is_trailer(field[0])]


def is_trailer(name: bytes) -> bool:
    """Whether a trailer of that name, in lower case, may be passed on."""
    return name not in _NO_TRAILER and not name.startswith(_NO_TRAILER_PREFIXES) and _TOKEN.fullmatch(name) is not None


def answer_head(status: int, fields: Sequence[Field]) -> tuple[int, Sequence[Field]]:
    """Status and fields of an answer as HTTP/2 has them."""
    if status == NO_CONTENT:  # RFC 9110 8.6: none may have one
        return status, [field for field in fields if field[0].lower() != b"content-length"]
    if status == SWITCHING_PROTOCOLS:
        return SUCCESS, [field for field in fields if field[0].lower() not in _UPGRADE]
    return status, fields


def read_answer_block(headers: Iterable[Field]) -> tuple[int, list[Field]] | Broken:
    """Status and fields of what an upstream answers."""
    first, *fields = headers
    if first[0] != b":status" or not _STATUS.fullmatch(first[1]):
        return Broken("no status")
    if len(fields) > MAX_ANSWER_FIELDS:
        return Broken("too many header fields")
    for name, value in fields:
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value) or name in _OF_A_CONNECTION:
            return Broken(f"field {name[:60]!r}")
    return int(first[1]), fields


def is_bodyless(status: int) -> bool:
    """Whether an answer of that status has no body, whatever its fields say (RFC 9110 6.4.1)."""
    return status in (NO_CONTENT, NOT_MODIFIED)
