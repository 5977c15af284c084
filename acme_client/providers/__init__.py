"""Which provider does DNS_PROVIDER mean? One table of names."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from acme_client.errors import AcmeError, ErrorKind
from acme_client.look_up import Resolver
from acme_client.name_servers import Endpoint
from acme_client.providers.acmedns import acme_dns
from acme_client.providers.exec_hook import exec_hook
from acme_client.providers.http_hook import http_hook
from acme_client.providers.lego import lego
from acme_client.providers.lexicon import lexicon
from acme_client.providers.libraries import LIBRARIES, check_name, did_you_mean, is_installed
from acme_client.providers.manual import manual
from acme_client.providers.provider import Entry, Provider, RawProof
from acme_client.providers.rfc2136 import rfc2136
from acme_client.providers.variables import Variables

__all__ = ["Entry", "Provider", "RawProof", "Surroundings", "provider_from"]

_EXTRA = re.compile(r"(?:(?P<library>lego|lexicon):)?(?P<name>[a-z0-9][a-z0-9-]*)")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a provider may need besides its variables."""

    folder: Path
    """Where accounts are kept (acme-dns)."""
    resolvers: tuple[Endpoint, ...]
    """DNS_RESOLVERS; none for the system's."""
    keyboard: TextIO
    screen: TextIO
    is_installed: Callable[[str], bool] = is_installed
    """By the name of a module."""


Factory = Callable[[Variables, Surroundings], Provider]

BUILT_IN: dict[str, Factory] = {
    "rfc2136": lambda variables, _around: rfc2136(variables),
    "acme-dns": lambda variables, around: acme_dns(variables, around.folder / "acme-dns.json"),
    "exec": lambda variables, _around: exec_hook(variables),
    "httpreq": lambda variables, _around: http_hook(variables),
    "manual": lambda variables, around: manual(variables, around.keyboard, around.screen),
}


def provider_from(environment: Mapping[str, str], around: Surroundings) -> Provider:
    """The provider that DNS_PROVIDER names: one built in, `lexicon:<name>`, `lego:<name>`, or a bare name for lego's.

    Raises AcmeError: DNS_PROVIDER for a wrong name and a library that is not installed, DNS_CREDENTIALS for variables
    that are missing or wrong, STORE for a file of accounts that cannot be used.
    """
    variables = Variables(environment)
    name = variables.text("DNS_PROVIDER").lower()
    if factory := BUILT_IN.get(name):
        return factory(variables, around)
    found, alike = _EXTRA.fullmatch(name), did_you_mean(name, list(BUILT_IN))
    if found is None:
        wants = f"{', '.join(BUILT_IN)}, lexicon:<name>, lego:<name> or a name of lego's (docs/dns.md)"
        raise AcmeError(ErrorKind.DNS_PROVIDER, f"DNS_PROVIDER holds {name!r} but wants {wants}{alike}")
    library = LIBRARIES[found["library"] or "lego"]
    check_name(library, found["name"], name, alike, is_there=around.is_installed(library.module))
    if found["library"] == "lexicon":
        return lexicon(found["name"], variables, Resolver(around.resolvers))
    return lego(found["name"], variables, around.resolvers, alike)
