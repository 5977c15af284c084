"""Where do tenants live when a file says so? (`BACKEND_URL=file:PATH`, its form in `routes_file`)"""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from mesh_gateway.resolve.routes_file import FILE_TTL, FileSourceError, parse_routes
from mesh_gateway.resolve.source import Answer, Found, NotFound
from mesh_gateway.routing.addresses import AddressPolicy
from mesh_gateway.routing.routes import RouteSet

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5

Stamp = tuple[int, int, int]
"""What changes when the file does, an atomic replacement included."""


class FileSource:
    """The mutable state is what was read last and from which version of the file.

    Reading happens on the event loop: the files are small and local, and a thread would cost more than it saves.
    """

    def __init__(self, path: Path, policy: AddressPolicy, *, clock: Callable[[], float]) -> None:
        """Reads the file; raises FileSourceError if that fails."""
        self._path = path
        self._policy = policy
        self._clock = clock
        self._stamp: Stamp | None = None
        self._looked = clock()
        self._reported = ""
        self._tenants: Mapping[str, RouteSet] = {}
        self.load()

    def load(self) -> None:
        """Read the file now; raises FileSourceError and keeps what was read before if it cannot be used."""
        try:
            self._stamp = self._look()
            content = self._path.read_bytes()
        except OSError as error:
            raise FileSourceError(f"{self._path}: {error.strerror}") from error
        self._tenants = parse_routes(self._path, content, self._policy)

    async def fetch(self, tenant: str, within: float) -> Answer:  # noqa: ARG002 - a file answers at once
        """The tenant's routes, in the file's last good version."""
        self._follow()
        routes = self._tenants.get(tenant)
        return Found(routes) if routes else NotFound(FILE_TTL)

    async def close(self) -> None:
        """Nothing is held."""

    def _follow(self) -> None:
        """Read a file that has changed. A broken version is reported once, for its stamp is then known."""
        now = self._clock()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        try:
            if self._look() != self._stamp:
                self.load()
        except OSError as error:
            self._report(f"{self._path}: {error.strerror}")
        except FileSourceError as error:
            self._report(str(error))
        else:
            self._reported = ""

    def _look(self) -> Stamp:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _report(self, reason: str) -> None:
        if reason != self._reported:
            logger.error("routes file not taken, keeping the last good one: %s", reason)
        self._reported = reason
