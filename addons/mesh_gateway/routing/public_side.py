"""How did the client see this request: under which scheme, port and id?"""

import re

from mesh_gateway.routing.client import Client
from mesh_gateway.routing.fields import elements
from mesh_gateway.routing.request import RequestHead

_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_PORT = re.compile(rb"[0-9]{1,5}")
_HIGHEST_PORT = 65535


def public_scheme(head: RequestHead, client: Client, spoken: str) -> str:
    """`http` or `https`: a trusted peer's word for what its client spoke, else what was `spoken` here."""
    told = elements(head.values(b"x-forwarded-proto")) if client.trusted else []
    # several proxies in a row append: the first one saw the client
    scheme = told[0].lower() if told else b""
    return scheme.decode("ascii") if scheme in (b"http", b"https") else spoken


def public_port(head: RequestHead, client: Client, *, given: int | None, scheme: str) -> int:
    """The port `given` in the authority, else a trusted peer's word, else the scheme's own."""
    return given or _forwarded_port(head, client) or (443 if scheme == "https" else 80)


def told_request_id(head: RequestHead, client: Client) -> str | None:
    """A valid id of a trusted peer, so that logs on both sides can be joined."""
    told = head.first(b"x-request-id") if client.trusted else None
    return told.decode("ascii") if told and _ID.fullmatch(told) else None


def _forwarded_port(head: RequestHead, client: Client) -> int | None:
    told = elements(head.values(b"x-forwarded-port")) if client.trusted else []
    if not told or not _PORT.fullmatch(told[0]):
        return None
    port = int(told[0])
    return port if port <= _HIGHEST_PORT else None
