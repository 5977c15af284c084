"""What stands around a prover in a test: time, a provider in memory, and a prover that asks the rig's BIND."""

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from acme_client.dns_prover import DnsProver, Patience
from acme_client.errors import AcmeError, ErrorKind
from acme_client.leftovers import Leftovers
from acme_client.look_up import Resolver
from acme_client.progress import LineProgress
from acme_client.proofs import Proof
from acme_client.providers.provider import Entry, Provider
from acme_client.providers.rfc2136 import rfc2136
from acme_client.providers.variables import Variables
from tests.acme.rig.bind import Bind

APEX, WILDCARD = "a" * 43, "b" * 43
"""A value of dns-01 has 43 characters."""
STRANGER = "a stranger's value"
NAME = "_acme-challenge.example.test."


@dataclass
class Timer:
    """Time that passes when somebody waits, and really a little, so that servers can do their work meanwhile."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)
    at_wait: Callable[[int], object] = lambda _count: None

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.at_wait(len(self.waits))
        self.now += seconds
        time.sleep(0.05)  # noqa: TID251 - no event loop here


class Shelf:
    """A provider in memory that fails where it is told to."""

    propagation_seconds = 7.0

    def __init__(
        self,
        *,
        bad_add: str = "",
        bad_remove: str = "",
        kind: ErrorKind = ErrorKind.DNS_PROVIDER,
        is_late: bool = False,
    ) -> None:
        """`is_late`: what fails to be added is there all the same, as after an answer that came too late."""
        self.held: set[tuple[str, str]] = set()
        self.removed: list[str] = []
        self._bad_add, self._bad_remove = bad_add, bad_remove
        self._kind, self._is_late = kind, is_late

    def add(self, entry: Entry) -> None:
        if entry.value == self._bad_add:
            if self._is_late:
                self.held.add((entry.name, entry.value))
            raise AcmeError(self._kind, "cannot add")
        self.held.add((entry.name, entry.value))

    def remove(self, entry: Entry) -> None:
        if entry.value == self._bad_remove:
            raise AcmeError(self._kind, "cannot remove")
        self.removed.append(entry.value)
        self.held.discard((entry.name, entry.value))


def utc_now() -> datetime:
    return datetime.now(UTC)


def prover_of(
    named: Bind,
    folder: Path,
    *,
    provider: Provider | None = None,
    timer: Timer | None = None,
    screen: io.StringIO | None = None,
    is_checked: bool = True,
    clock: Callable[[], datetime] = utc_now,
) -> DnsProver:
    timer = timer or Timer()
    return DnsProver(
        provider or rfc2136(Variables(named.environment)),
        Resolver([named.primary]),
        Leftovers(folder, clock),
        Patience(timeout_seconds=20, is_checked=is_checked, port=named.port),
        timer.wait,
        timer,
        LineProgress(screen or io.StringIO()),
    )


def notes(folder: Path) -> list[Path]:
    return sorted(folder.glob("*")) if folder.is_dir() else []


def proofs_for(domain: str, values: Sequence[str] = (APEX, WILDCARD)) -> list[Proof]:
    return [Proof(domain, value) for value in values]
