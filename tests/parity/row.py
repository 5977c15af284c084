"""What is one row of the parity table? One client's script, the upstreams behind it, and what must come of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique

from tests.parity.script import Http1Script, Http2Script, ask
from tests.parity.upstreams import Place, Up
from tests.rig.api import Said


@unique
class House(Enum):
    """Which gateways a row runs on; the settings are in `SETTINGS`."""

    OPEN = "open"
    TRUSTING = "trusting"
    STRICT = "strict"
    HASTY = "hasty"
    RATED = "rated"


SETTINGS: Mapping[House, Mapping[str, str]] = {
    House.OPEN: {},
    House.TRUSTING: {"TRUSTED_PROXIES": "127.0.0.0/8"},
    House.STRICT: {
        "MAX_HEADER_SIZE": "2000",
        "MAX_HEADER_FIELDS": "20",
        "MAX_TARGET_SIZE": "100",
        "MAX_BODY_SIZE": "100000",
    },
    House.HASTY: {
        "CONNECT_TIMEOUT": "1s",
        "RESOLVE_BUDGET": "1s",
        "FIRST_BYTE_TIMEOUT": "1s",
        "IDLE_TIMEOUT": "1s",
        "HEADER_TIMEOUT": "1s",
        "KEEPALIVE_TIMEOUT": "1s",
    },
    House.RATED: {"RATE_LIMIT": "1"},
}
GET = ask()
HAS_DEFAULT_BACKEND = frozenset({House.TRUSTING})


@dataclass(frozen=True, slots=True)
class Row:
    """One exchange, or a few that belong together."""

    name: str
    """A clause: what is done, or how the upstream behaves."""
    statuses: tuple[int, ...]
    """Of the final answers that the client gets, so that a row which tests nothing is seen; empty for none."""
    script: Http1Script | Http2Script = GET
    places: tuple[Place, ...] = (Up(),)
    house: House = House.OPEN
    tls: bool = False
    """HTTP/2 always is."""
    said: Said | None = None
    """What the API says in place of routes to `places`."""
    sni: str = "{host}"
    connections: int | None = None
    """How many upstream connections there must be, where that matters."""
    shuffled: bool = False
    """Requests reach upstreams at the same time, in no certain order."""
    apart: str = ""
    """Why the two paths do different things here, if they do: then the statuses alone are looked at."""
    fast_statuses: tuple[int, ...] = ()
    """Of the fast path, where they are `apart`."""
    allowed: tuple[str, ...] = ()
    """Names of differences that this row may show (allowances.py)."""
