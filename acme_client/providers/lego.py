"""How is a TXT value written by lego, with some 180 providers, through the bridge in certbot-dns-multi?"""

from dataclasses import dataclass

from acme_client.name_servers import Endpoint
from acme_client.providers.extra import CHILDREN, Extra
from acme_client.providers.provider import Entry
from acme_client.providers.variables import Variables, seconds


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

    def _call(self, action: str, entry: Entry) -> None:
        token, key_authorization = entry.raw(f"DNS_PROVIDER={self.extra.name}")
        configure: dict[str, object] = {
            "action": "configure",
            "provider": self.provider,
            "credentials": {},  # lego reads its variables, and the *_FILE ones, from the child's environment
            "nameservers": [f"{_bracketed(server.host)}:{server.port}" for server in self.resolvers] or None,
        }
        change = {"action": action, "domain": entry.domain, "token": token, "key_authorization": key_authorization}
        self.extra.call({"commands": [configure, change]}, f"{action} {entry.name}")


def lego(name: str, variables: Variables, resolvers: tuple[Endpoint, ...]) -> Lego:
    """By the variables that lego's page of the provider names, and LEGO_TIMEOUT."""
    timeout_seconds = variables.parsed("LEGO_TIMEOUT", "180", seconds, "a number of seconds")
    extra = Extra(
        f"lego:{name}",
        "certbot-dns-multi",
        CHILDREN / "lego_child.py",
        variables,
        timeout_seconds,
        variables.environment,
    )
    return Lego(name, extra, resolvers)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
