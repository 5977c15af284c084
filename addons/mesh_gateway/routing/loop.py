"""Did this request come through here before? Told by the field that CDNs tell it by (RFC 8586)."""

from collections.abc import Iterable

from mesh_gateway.routing.fields import elements
from mesh_gateway.routing.request import RequestHead

_CDN_ID = b"mesh-router-gateway"

# two gateways in a row are a set-up, a route from one to the next and on is a mistake that grows
_MOST_VISITS = 5


def is_loop(head: RequestHead, loop_token: str) -> bool:
    """Was it on this node (`loop_token`), or on more nodes of this kind than any set-up has?"""
    if not (values := head.values(b"cdn-loop")):
        return False
    visits = [entry for entry in elements(values) if _cdn_id(entry) == _CDN_ID]
    return len(visits) > _MOST_VISITS or any(_node(visit) == loop_token.encode() for visit in visits)


def loop_value(visited: Iterable[bytes], loop_token: str) -> bytes:
    """The CDN-Loop to send on: what was there stays as it was, this node is added (RFC 8586 2)."""
    return b", ".join((*visited, b"%s; node=%s" % (_CDN_ID, loop_token.encode())))


def _cdn_id(entry: bytes) -> bytes:
    return entry.partition(b";")[0].strip(b" \t").lower()


def _node(entry: bytes) -> bytes | None:
    for parameter in entry.split(b";")[1:]:
        name, _, value = parameter.partition(b"=")
        if name.strip(b" \t").lower() == b"node":
            return value.strip(b' \t"')
    return None
