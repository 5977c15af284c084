"""What is a story made of? Routes with their fates, a request, and what must be true afterwards."""

from dataclasses import dataclass, field
from enum import Enum, unique

from tests.rig.api import Said
from tests.rig.behaviours import describe
from tests.rig.call import Behaviour


@unique
class Fate(Enum):
    """What a connection to a route meets."""

    LIVES = "lives"
    DEAD = "dead"
    SILENT = "silent"
    TRUSTED_TLS = "trusted tls"
    UNTRUSTED_TLS = "untrusted tls"
    WRONG_NAME_TLS = "wrong name tls"


@dataclass(frozen=True, slots=True)
class Way:
    """One route of the tenant and the server at its end, which is called by the route's source."""

    source: str
    priority: int
    fate: Fate = Fate.LIVES
    behaviour: Behaviour = describe


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks; `alice` in the host stands for the story's tenant."""

    method: str = "GET"
    host: str = "alice.example.com"
    target: str = "/"
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    trusted: bool = False
    """Asked by a trusted edge worker."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is then true. What a story does not name is not looked at."""

    status: int
    code: str | None = None
    served_by: str | None = None
    """The source of the route whose server answered."""
    seen_by: dict[str, int] = field(default_factory=dict)
    """How many requests each server saw."""
    way: str | None = None
    """X-Mesh-Route, for those who asked for it."""
    upstream: dict[str, str] = field(default_factory=dict)
    """Fields that the server that answered saw, each once."""
    next_status: int | None = None
    """The status of the same request, asked again on the same connection."""


@dataclass(frozen=True, slots=True)
class Story:
    """One law. `given` are the tenant's routes, or what the API says of it."""

    given: tuple[Way, ...] | Said
    then: Outcome
    when: Request = Request()


def agent(fate: Fate = Fate.LIVES, behaviour: Behaviour = describe, priority: int = 1) -> Way:
    """The direct route, first unless told otherwise."""
    return Way("agent", priority, fate, behaviour)


def tunnel(fate: Fate = Fate.LIVES, behaviour: Behaviour = describe, priority: int = 2) -> Way:
    """The way around."""
    return Way("tunnel", priority, fate, behaviour)
