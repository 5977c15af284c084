"""Which private authorities vouch for agents, and has that changed? (CONTRACT part 8)

The API hands them out at `/ca-cert`, and answers 503 until it has any. Nobody waits for them: they are fetched in the
background, refreshed, and the last good ones are kept on disk for the next start.
"""

import asyncio
import hashlib
import logging
import os
import tempfile
from pathlib import Path
from random import Random

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mesh_gateway.resolve.api_client import ApiClient
from mesh_gateway.resolve.source import SourceUnavailable
from mesh_gateway.tasks import Tasks

logger = logging.getLogger(__name__)

_MAX_PEM = 64 * 1024
_FETCH_SECONDS = 5.0
_REFRESH_SECONDS = 3600.0
_FIRST_RETRY = 1.0
_LAST_RETRY = 60.0

Certificates = tuple[bytes, ...]
"""DER, in the order given."""


class PrivateCaError(ValueError):
    """The PEM holds something else than certification authorities."""


def parse_authorities(pem: bytes) -> Certificates:
    """The authorities in `pem`; raises PrivateCaError unless all of its certificates are authorities."""
    try:
        certificates = x509.load_pem_x509_certificates(pem)
        if all(_is_authority(certificate) for certificate in certificates):
            return tuple(certificate.public_bytes(Encoding.DER) for certificate in certificates)
    except ValueError as error:
        raise PrivateCaError(f"not certificates in PEM: {error}") from error
    raise PrivateCaError("not all of the certificates are authorities")


class PrivateCa:
    """`generation` counts the changes of `certificates`; it is 0 while there are none."""

    def __init__(self, client: ApiClient, backend_url: str, state_dir: Path, *, random: Random) -> None:
        self._client = client
        self._random = random
        # By URL: the authorities of one API must not vouch for the agents of another after a change of settings.
        self._path = state_dir / f"private-ca-{hashlib.sha256(backend_url.encode()).hexdigest()[:12]}.pem"
        self._tasks = Tasks()
        self.certificates: Certificates = ()
        self.generation = 0

    async def start(self) -> None:
        """Take the last good authorities from disk and begin to fetch; does not wait for the API."""
        self._recall()
        self._tasks.start(self._follow(), name="follow the private CA")

    async def close(self) -> None:
        await self._tasks.close()

    async def fetch(self) -> None:
        """Ask the API once; raises SourceUnavailable or PrivateCaError and keeps what was there."""
        deadline = asyncio.get_running_loop().time() + _FETCH_SECONDS
        document = await self._client.get(
            "/ca-cert", accept="application/x-pem-file, */*", deadline=deadline, most=_MAX_PEM
        )
        if document.status != 200:  # noqa: PLR2004 - RFC 9110 15.3.1
            raise SourceUnavailable(f"status {document.status}")
        if self._take(parse_authorities(document.body)):
            await asyncio.to_thread(self._keep, document.body)

    async def _follow(self) -> None:
        retry = _FIRST_RETRY
        while True:
            try:
                await self.fetch()
            except (SourceUnavailable, PrivateCaError) as error:
                logger.log(logging.WARNING if retry == _LAST_RETRY else logging.INFO, "no private CA yet: %s", error)
                pause, retry = retry, min(retry * 2, _LAST_RETRY)
            else:
                pause, retry = _REFRESH_SECONDS, _FIRST_RETRY
            await asyncio.sleep(pause * self._random.uniform(0.8, 1.2))

    def _take(self, certificates: Certificates) -> bool:
        if certificates == self.certificates:
            return False
        self.certificates = certificates
        self.generation += 1
        return True

    def _recall(self) -> None:
        try:
            self._take(parse_authorities(self._path.read_bytes()))
        except FileNotFoundError:
            return
        except (OSError, PrivateCaError) as error:
            logger.warning("last good private CA not usable: %s: %s", self._path, error)

    def _keep(self, pem: bytes) -> None:
        """Write beside and swap, so that a reader and a crash see the old file or the new one."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._path.parent, delete=False) as file:
                file.write(pem)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
            Path(file.name).replace(self._path)
        except OSError as error:
            logger.warning("private CA not kept on disk: %s", error)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
