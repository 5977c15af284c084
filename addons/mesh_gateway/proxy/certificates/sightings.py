"""Who asked for https under a name that no certificate covers? Told once for each name, with what would cover it."""

import logging

from mesh_gateway.proxy.certificates.table import Certificates
from mesh_gateway.routing.coverage import covering_names

logger = logging.getLogger(__name__)

MOST_TOLD = 200
"""Anybody can ask for any tenant's name: after so many nobody learns more."""


class Sightings:
    """Remembers what was told."""

    def __init__(self, server_domain: str) -> None:
        self._server_domain = server_domain
        self._told: set[str] = set()

    def refused(self, server_name: str | None, certificates: Certificates) -> None:
        """A client asked for `server_name` and got no certificate."""
        if not server_name or not len(certificates) or certificates.select(server_name):
            return  # without any certificate the log has told already
        wanted = covering_names(server_name, self._server_domain)
        if not wanted or wanted.certificate in self._told or len(self._told) >= MOST_TOLD:
            return
        self._told.add(wanted.certificate)
        logger.warning(
            "https was asked for %s, which no certificate covers: it takes one for %s%s",
            wanted.host,
            wanted.certificate,
            f"; {wanted.alternative} is covered without" if certificates.covering(wanted.alternative) else "",
        )
