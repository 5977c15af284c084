"""What is done in one round over all certificates?"""

from collections.abc import Callable
from dataclasses import dataclass

from acme_client.errors import AcmeError
from acme_client.happening import Event, Happening
from acme_client.lifecycle import Lifecycle
from acme_client.outcome import Outcome, Renewed
from acme_client.settings import Settings
from acme_client.tenants import Tenants
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

    def go(self) -> dict[str, Outcome]:
        """Tends every certificate once; by name. A failure of one does not keep the others waiting."""
        if left := self.sweep():
            text = f"{left} TXT records of runs before could not be removed yet"
            self.lifecycle.tell(Happening(event=Event.WARNED, message=text))
        outcomes = {}
        for wanted in self.wanted():
            outcome = outcomes[wanted.name] = self.lifecycle.tend(wanted)
            if self.tenants and wanted.tenant and isinstance(outcome, Renewed) and outcome.is_new:
                self.tenants.order_made()
        return outcomes

    def wanted(self) -> tuple[Wanted, ...]:
        """The certificates that should be there, with those of tenants whose turn it is."""
        return wanted_from(self.settings, self._tenants())

    def _tenants(self) -> tuple[str, ...]:
        if self.tenants is None:
            return ()
        try:
            return self.tenants.admitted(self._holders(self.tenants))
        except AcmeError as error:
            self.lifecycle.tell(Happening(event=Event.WARNED, kind=error.kind, message=str(error)))
            return ()

    def _holders(self, tenants: Tenants) -> frozenset[str]:
        names = {tenant: wildcard(tenant, self.settings.server_domain).name for tenant in tenants.wishes()}
        return frozenset(tenant for tenant, name in names.items() if self.lifecycle.store.held(name))
