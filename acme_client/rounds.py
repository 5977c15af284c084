"""What is done in one round over all certificates?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from acme_client.errors import AcmeError
from acme_client.happening import Event, Happening
from acme_client.lifecycle import Lifecycle
from acme_client.outcome import Failed, Outcome, Renewed, Rested, waiting
from acme_client.renewal import Reason
from acme_client.settings import Settings
from acme_client.tenants import Tenants
from acme_client.unforeseen import contained
from acme_client.wanted import Wanted, wanted_from, wildcard


@dataclass(frozen=True, slots=True)
class Rounds:
    """All that a round needs."""

    settings: Settings
    lifecycle: Lifecycle
    tenants: Tenants | None
    """None without ACME_TENANT_WILDCARDS."""
    sweep: Callable[[], int]
    """Removes TXT records that runs before left; returns how many places are still open."""

    def go(self, *, is_asked_for: bool = False) -> dict[str, Outcome]:
        """Tends every certificate once; by name. A failure of one does not keep the others waiting.

        When somebody asked for it, by a start or a signal, it is said of each that waits after a failure, and why.
        """
        if is_asked_for:
            self.lifecycle.stumbles.forget_all()
        self._sweep()
        outcomes = {}
        for wanted in self.wanted():
            outcome = outcomes[wanted.name] = self.lifecycle.tend(wanted)
            if is_asked_for and isinstance(outcome, Rested) and outcome.reason is Reason.BACKOFF:
                self._say_why(wanted, outcome)
            if self.tenants and wanted.tenant:
                self._note(self.tenants, wanted.tenant, outcome)
        return outcomes

    def wanted(self) -> Iterator[Wanted]:
        """The certificates of the settings, then those of tenants whose turn it is: these are asked for only then."""
        own = wanted_from(self.settings)
        yield from own
        yield from wanted_from(self.settings, self._tenants())[len(own) :]

    def _sweep(self) -> None:
        try:
            with contained("Removing TXT records of runs before"):
                left = self.sweep()
        except AcmeError as error:
            self._warn(error)
            return
        if left:
            text = f"{left} TXT records of runs before could not be removed yet"
            self.lifecycle.tell(Happening(event=Event.WARNED, message=text))

    def _tenants(self) -> tuple[str, ...]:
        if self.tenants is None:
            return ()
        try:
            with contained("Finding out whose turn it is"):
                return self.tenants.admitted(self._holders(self.tenants))
        except AcmeError as error:
            self._warn(error)
            return ()

    def _note(self, tenants: Tenants, tenant: str, outcome: Outcome) -> None:
        """What came of a tenant's turn: an order that counts, or room for the next wish."""
        try:
            with contained(f"Noting the turn of {tenant}"):
                match outcome:
                    case Renewed(is_new=True):
                        tenants.order_made()
                    case Failed() | Rested(reason=Reason.BACKOFF):
                        tenants.put_back(tenant)
        except AcmeError as error:
            self._warn(error)

    def _say_why(self, wanted: Wanted, rested: Rested) -> None:
        try:
            record = self.lifecycle.records.load(wanted.name)
        except AcmeError as error:
            self._warn(error)
        else:
            self.lifecycle.tell(waiting(record, rested.until))

    def _warn(self, error: AcmeError) -> None:
        self.lifecycle.tell(Happening(event=Event.WARNED, kind=error.kind, message=str(error)))

    def _holders(self, tenants: Tenants) -> frozenset[str]:
        names = {tenant: wildcard(tenant, self.settings.server_domain).name for tenant in tenants.wishes()}
        return frozenset(tenant for tenant, name in names.items() if self.lifecycle.store.held(name))
