"""Which certificates should there be?"""

from collections.abc import Sequence
from dataclasses import dataclass

from acme_client.settings import Settings, SettingsError


@dataclass(frozen=True, slots=True)
class Wanted:
    """One certificate that should be there."""

    names: tuple[str, ...]
    tenant: str | None = None
    """Whose wish it is, for a tenant's wildcard."""

    @property
    def name(self) -> str:
        """What it is called on disk: its first name without `*.`."""
        return self.names[0].removeprefix("*.")


def wanted_from(settings: Settings, tenants: Sequence[str] = ()) -> tuple[Wanted, ...]:
    """The domain with its wildcard, the further groups, then the tenants' wildcards.

    Raises SettingsError when two would have the same name on disk.
    """
    domain = settings.server_domain
    first = (Wanted((domain, f"*.{domain}")),)
    groups = tuple(Wanted(names) for names in settings.ssl_domains)
    _check_apart((*first, *groups))
    taken = {each.name for each in (*first, *groups)}
    wishes = (wildcard(tenant, domain) for tenant in tenants)
    return (*first, *groups, *(wish for wish in wishes if wish.name not in taken))


def wildcard(tenant: str, domain: str) -> Wanted:
    """`*.alice.example.com`; alice.example.com itself is covered by the domain's own wildcard."""
    return Wanted((f"*.{tenant}.{domain}",), tenant)


def _check_apart(certificates: Sequence[Wanted]) -> None:
    seen: set[str] = set()
    for each in certificates:
        if each.name in seen:
            text = f"SSL_DOMAINS holds a second certificate that begins with {each.name} but wants its names in one group, or another name first"
            raise SettingsError(text)
        seen.add(each.name)
