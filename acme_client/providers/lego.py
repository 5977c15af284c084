"""How is a TXT value written by lego, with some 180 providers, through the bridge in certbot-dns-multi?"""

from dataclasses import dataclass

from acme_client.errors import AcmeError, ErrorKind
from acme_client.name_servers import Endpoint
from acme_client.providers.extra import CHILDREN, Extra
from acme_client.providers.provider import Entry
from acme_client.providers.variables import Variables, seconds

_UNKNOWN = "unrecognized DNS provider"
"""lego's words for a code that it does not have."""


@dataclass(frozen=True, slots=True)
class Lego:
    """One of lego's providers, by its code there. lego finds the zone and follows CNAMEs by itself."""

    provider: str
    extra: Extra
    resolvers: tuple[Endpoint, ...]
    propagation_seconds: float = 60.0

    def add(self, entry: Entry) -> None:
        self._call("perform", entry)

    def remove(self, entry: Entry) -> None:
        self._call("cleanup", entry)

    def is_known(self) -> bool:
        """Whether lego has a provider of that name; True as well when something else is in the way."""
        try:
            self.extra.call({"commands": [self._configure()]}, "configure")
        except AcmeError as error:
            return _UNKNOWN not in str(error)
        return True

    def _call(self, action: str, entry: Entry) -> None:
        token, key_authorization = entry.raw(f"DNS_PROVIDER={self.extra.name}")
        change = {"action": action, "domain": entry.domain, "token": token, "key_authorization": key_authorization}
        self.extra.call({"commands": [self._configure(), change]}, f"{action} {entry.name}")

    def _configure(self) -> dict[str, object]:
        return {
            "action": "configure",
            "provider": self.provider,
            "credentials": {},  # lego reads its variables, and the *_FILE ones, from the child's environment
            "nameservers": [f"{_bracketed(server.host)}:{server.port}" for server in self.resolvers] or None,
        }


def lego(name: str, variables: Variables, resolvers: tuple[Endpoint, ...], alike: str = "") -> Lego:
    """By the variables that lego's page of the provider names, and LEGO_TIMEOUT.

    `alike` is the question for a name that is written almost so: then lego is asked at once whether it knows this one.
    Raises AcmeError (DNS_PROVIDER) when it does not, DNS_CREDENTIALS for a wrong LEGO_TIMEOUT.
    """
    timeout_seconds = variables.parsed("LEGO_TIMEOUT", "180", seconds, "a number of seconds")
    extra = Extra(
        f"lego:{name}",
        "certbot-dns-multi",
        CHILDREN / "lego_child.py",
        variables,
        timeout_seconds,
        variables.environment,
    )
    provider = Lego(name, extra, resolvers)
    if alike and not provider.is_known():
        text = f"DNS_PROVIDER holds {variables.text('DNS_PROVIDER')!r}, which lego does not know{alike}"
        raise AcmeError(ErrorKind.DNS_PROVIDER, text)
    return provider


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
