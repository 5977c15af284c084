"""How is a TXT value written by dns-lexicon, with some 90 providers?"""

from dataclasses import dataclass

from acme_client.authoritative import zone_of
from acme_client.errors import AcmeError, ErrorKind
from acme_client.look_up import LookUpError, Resolver
from acme_client.providers.extra import CHILDREN, Extra
from acme_client.providers.provider import Entry
from acme_client.providers.variables import Variables, seconds

_CHILD_VARIABLES = ("PATH", "HOME", "LANG", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One of dns-lexicon's providers, by its name there."""

    provider: str
    extra: Extra
    variables: Variables
    resolver: Resolver
    propagation_seconds: float = 60.0

    def add(self, entry: Entry) -> None:
        self._call("create", entry)

    def remove(self, entry: Entry) -> None:
        self._call("delete", entry)

    def _call(self, action: str, entry: Entry) -> None:
        try:
            zone = zone_of(entry.name, self.resolver)
        except LookUpError as error:
            raise AcmeError(ErrorKind.DNS_PROVIDER, f"The zone of {entry.name} could not be found: {error}") from error
        options = self.variables.with_prefix(f"LEXICON_{self.provider.upper()}_")
        letter = {
            "provider": self.provider,
            "zone": zone.rstrip("."),
            "options": {name.lower(): value for name, value in options.items()},
            "ttl": self.variables.text("LEXICON_TTL", "120"),
            "action": action,
            "name": entry.name.rstrip("."),
            "value": entry.value,
        }
        self.extra.call(letter, f"{action} TXT {entry.name}")


def lexicon(name: str, variables: Variables, resolver: Resolver) -> Lexicon:
    """By LEXICON_<NAME>_<OPTION> as `lexicon <name> --help` lists the options, LEXICON_TTL and LEXICON_TIMEOUT."""
    timeout_seconds = variables.parsed("LEXICON_TIMEOUT", "120", seconds, "a number of seconds")
    given = variables.environment
    environment = {key: given[key] for key in _CHILD_VARIABLES if key in given}
    extra = Extra(
        f"lexicon:{name}", "dns-lexicon", CHILDREN / "lexicon_child.py", variables, timeout_seconds, environment
    )
    variables.with_prefix(f"LEXICON_{name.upper()}_")  # files that cannot be read are told of now, not amid an order
    return Lexicon(name, extra, variables, resolver)
