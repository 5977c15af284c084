"""Which certificate would cover a name? A wildcard stands for one label only (RFC 6125 6.4.3)."""

from dataclasses import dataclass

from mesh_gateway.routing.hostname import HostKind, parse_host


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a tenant's name needs."""

    host: str
    certificate: str
    """The name that a certificate must hold."""
    alternative: str | None
    """The same app by a name one label deep, which the domain's wildcard covers."""


def covering_names(server_name: str, server_domain: str) -> Coverage | None:
    """What covers a tenant's `server_name`; None for a name that belongs to no tenant."""
    name = parse_host(server_name, server_domain)
    if name.kind is not HostKind.TENANT:
        return None
    first, _, parent = name.host.partition(".")
    if parent == server_domain:
        return Coverage(name.host, f"*.{server_domain}", None)
    is_below_tenant = parent == f"{name.tenant}.{server_domain}"
    return Coverage(name.host, f"*.{parent}", f"{first}-{parent}" if is_below_tenant else None)
