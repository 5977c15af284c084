"""Which certificate does a name get? An immutable table of all that serve at a moment, swapped whole."""

from collections.abc import Iterable
from datetime import datetime

from mesh_gateway.proxy.certificates.pair import Certificate


class Certificates:
    """All that serve. Where several cover a name, the one that was issued last gets it."""

    def __init__(self, certificates: Iterable[Certificate] = (), default: str = "") -> None:
        self.all = tuple(certificates)
        self._by_host = {
            host: certificate
            for certificate in sorted(self.all, key=lambda each: (each.not_before, each.not_after, each.name))
            for host in certificate.hosts
        }
        self._default = next((each for each in self.all if default and each.name == default), None)

    def __len__(self) -> int:
        return len(self.all)

    @property
    def first_not_after(self) -> datetime | None:
        """When the first of them ends."""
        return min((certificate.not_after for certificate in self.all), default=None)

    def select(self, server_name: str | None) -> Certificate | None:
        """By exact name, then by a wildcard for its first label; else the default, where one is set."""
        return self.covering(server_name) or self._default

    def covering(self, host: str | None) -> Certificate | None:
        """The certificate that is valid for `host`."""
        if not host:
            return None
        name = host.lower().removesuffix(".")
        return self._by_host.get(name) or self._by_host.get("*." + name.partition(".")[2])

    def are_same(self, server_name: str | None, host: str) -> bool:
        """Whether a connection made for `server_name` may carry requests for `host` (RFC 9110 15.5.20)."""
        if server_name and server_name.lower() == host:
            return True
        wanted = self.covering(host)
        if wanted is None:
            # Under no certificate at all: only where the default certificate was handed out on purpose.
            return self._default is not None and self.covering(server_name) is None
        return wanted is self.select(server_name)
