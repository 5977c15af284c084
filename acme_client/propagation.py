"""Do all servers of the zone show the values yet, and how long is it worth waiting?

Who counts, as lego and certmagic have it: every name server of the zone's NS records, asked itself and not through a
cache. One that answers without speaking for the zone (lame), or never answers, is missing until the deadline and named
then. One step further than they go: a server to which this machine has no route at all, as one with only IPv6 seen
from a machine without, is left out, as long as another one can be asked.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Protocol

from acme_client.authoritative import Home, NameServer, Seen, look, summary
from acme_client.errors import AcmeError, ErrorKind
from acme_client.proofs import Wait

_QUESTION_SECONDS = 3.0
_PAUSES_SECONDS = (0.5, 1.0, 2.0, 3.0, 5.0)
"""Between two looks; the last one for all further ones."""
_ASKED_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """The values that one name must show."""

    home: Home
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Survey:
    """What all servers of one name said at one look."""

    name: str
    seen: tuple[tuple[NameServer, Seen], ...]
    seconds_left: float

    @property
    def counted(self) -> tuple[tuple[NameServer, Seen], ...]:
        """The servers that matter: those without a route are left out unless they are all there is."""
        reachable = tuple(row for row in self.seen if row[1] is not Seen.UNREACHABLE)
        return reachable or self.seen

    @property
    def is_complete(self) -> bool:
        return all(seen is Seen.SHOWN for _, seen in self.counted)

    @property
    def lacking(self) -> str:
        """Which servers are waited for, and what is the matter with each."""
        return "; ".join(f"{_title(server)} {seen}" for server, seen in self.counted if seen is not Seen.SHOWN)


class Progress(Protocol):
    """Is told after each look, so that whoever waits can see for what."""

    def looked(self, surveys: Sequence[Survey]) -> None: ...


def wait_until_shown(
    wanted: Sequence[Wanted], *, timeout_seconds: float, wait: Wait, monotonic: Callable[[], float], progress: Progress
) -> None:
    """Returns once every server shows all values; raises AcmeError (PROPAGATION) that names those that do not."""
    end = monotonic() + timeout_seconds
    for pause in chain(_PAUSES_SECONDS, repeat(_PAUSES_SECONDS[-1])):
        surveys = [survey(one, seconds_left=max(0.0, end - monotonic())) for one in wanted]
        progress.looked(surveys)
        if all(one.is_complete for one in surveys):
            return
        left = end - monotonic()
        if left <= 0:
            raise AcmeError(ErrorKind.PROPAGATION, _too_late(surveys, timeout_seconds))
        wait(min(pause, left))


def survey(wanted: Wanted, *, seconds_left: float) -> Survey:
    """One look at all servers, side by side, each question within its own deadline."""
    home = wanted.home

    def seen(server: NameServer) -> Seen:
        looks = (look(one, home.name, wanted.values, seconds=_QUESTION_SECONDS) for one in server.endpoints)
        return summary(server, tuple(looks))

    with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
        return Survey(home.name, tuple(zip(home.servers, pool.map(seen, home.servers), strict=True)), seconds_left)


def _title(server: NameServer) -> str:
    addresses = ", ".join(str(endpoint) for endpoint in server.endpoints)
    return f"{server.name} ({addresses})" if addresses else server.name


def _too_late(surveys: Sequence[Survey], timeout_seconds: float) -> str:
    missing = " / ".join(f"{one.name}: {one.lacking}" for one in surveys if not one.is_complete)
    return f"After {timeout_seconds:.0f} s not every name server shows the TXT record. {missing}"
