"""Which certificate does a name get? An immutable table of all that serve at a moment, swapped whole."""

from collections.abc import Iterable
from datetime import UTC, datetime

from mesh_gateway.proxy.certificates.pair import Certificate

BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class Certificates:
    """All that serve as of `now`. Where several cover a name, the one that was issued last gets it.

    One that has ended serves on only where no other covers the name: a client may then decide for itself.
    """

    def __init__(
        self, certificates: Iterable[Certificate] = (), default: str = "", *, now: datetime = BEFORE_ALL
    ) -> None:
        self.all = tuple(certificates)
        self._ended = _ended(self.all, now)
        self._valid = _by_host(each for each in self.all if each.name not in self._ended)
        self._past = _by_host(each for each in self.all if each.name in self._ended)
        self._default = next((each for each in self.all if default and each.name == default), None)

    def __len__(self) -> int:
        return len(self.all)

    @property
    def first_not_after(self) -> datetime | None:
        """When the first of them ends."""
        return min((certificate.not_after for certificate in self.all), default=None)

    def is_current(self, now: datetime) -> bool:
        """Whether none has ended since it was made, so that it would come out the same."""
        return _ended(self.all, now) == self._ended

    def select(self, server_name: str | None) -> Certificate | None:
        """By exact name, then by a wildcard for its first label; else the default, where one is set."""
        return self.covering(server_name) or self._default

    def covering(self, host: str | None) -> Certificate | None:
        """The certificate that names `host`; one that has ended only where there is no other."""
        if not host or not host.isascii():  # a wildcard stands for a label, which has A-labels only (RFC 6125 6.4.2)
            return None
        name = host.lower().removesuffix(".")
        wildcard = "*." + name.partition(".")[2]
        found = (by_host.get(each) for by_host in (self._valid, self._past) for each in (name, wildcard))
        return next(filter(None, found), None)

    def are_same(self, server_name: str | None, host: str) -> bool:
        """Whether a connection made for `server_name` may carry requests for `host` (RFC 9110 15.5.20)."""
        if server_name and server_name.lower() == host:
            return True
        wanted = self.covering(host)
        if wanted is None:
            # Under no certificate at all: only where the default certificate was handed out on purpose.
            return self._default is not None and self.covering(server_name) is None
        return wanted is self.select(server_name)


def _ended(certificates: Iterable[Certificate], now: datetime) -> frozenset[str]:
    """The names of those whose last moment is past; in it they are still valid (RFC 5280 4.1.2.5)."""
    return frozenset(each.name for each in certificates if each.not_after < now)


def _by_host(certificates: Iterable[Certificate]) -> dict[str, Certificate]:
    in_order = sorted(certificates, key=lambda each: (each.not_before, each.not_after, each.name))
    return {host: certificate for certificate in in_order for host in certificate.hosts}
