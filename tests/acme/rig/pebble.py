"""A real CA on loopback: Debian's Pebble, and beside it pebble-challtestsrv for the records that it looks at."""

import contextlib
import json
import shutil
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from acme_client.proofs import Proof
from tests.rig.ports import LOOPBACK, free_port, listens

PEBBLE, RECORDS = shutil.which("pebble"), shutil.which("pebble-challtestsrv")
BLOCKED = "blocked.test"
EAB_KID, EAB_KEY = "kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
STEADY = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
_READY_SECONDS = 20.0
_STEP_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Pebble:
    """A CA that runs."""

    port: int
    management_port: int
    ca_file: Path
    """What its own https is verified against."""
    log: Path

    @property
    def directory(self) -> str:
        return f"https://{LOOPBACK}:{self.port}/dir"

    def root_pem(self, index: int = 0) -> bytes:
        """What its certificates are verified against; from 1 on the alternate ones."""
        return self._managed(f"roots/{index}")

    def status_of(self, serial: str) -> str:
        """`Valid` or `Revoked`, by a serial in hex."""
        return str(json.loads(self._managed(f"cert-status-by-serial/{serial}"))["Status"])

    def _managed(self, path: str) -> bytes:
        trust = ssl.create_default_context(cafile=str(self.ca_file))
        with urllib.request.urlopen(
            f"https://{LOOPBACK}:{self.management_port}/{path}", timeout=5, context=trust
        ) as answer:
            content: bytes = answer.read()
        return content


@dataclass(slots=True)
class Records:
    """A Prover that sets TXT values in pebble-challtestsrv. Its state is what was shown, and what it shows wrongly."""

    dns: str
    """Its address as a name server, for Pebble's -dnsserver."""
    management: str
    shown: list[Proof] = field(default_factory=list)
    wrong: set[str] = field(default_factory=set)
    """Domains that get another value than they should."""

    @contextlib.contextmanager
    def published(self, proofs: Sequence[Proof]) -> Iterator[None]:
        self.shown += proofs
        for proof in proofs:
            value = "wrong" if proof.domain in self.wrong else proof.value
            self._tell("set-txt", {"host": proof.record, "value": value})
        try:
            yield
        finally:
            for record in {proof.record for proof in proofs}:
                self._tell("clear-txt", {"host": record})

    def _tell(self, path: str, content: Mapping[str, str]) -> None:
        url = f"{self.management}/{path}"
        request = urllib.request.Request(url, json.dumps(content).encode())  # noqa: S310 - our own http
        urllib.request.urlopen(request, timeout=5).close()  # noqa: S310 - same


@contextlib.contextmanager
def records(folder: Path) -> Iterator[Records]:
    """Starts the name server that Pebble asks."""
    dns, management = free_port(), free_port()
    assert RECORDS, "pebble-challtestsrv is needed (Debian: pebble)"
    command = [RECORDS, "-dns01", f"{LOOPBACK}:{dns}", "-management", f"{LOOPBACK}:{management}"]
    command += ["-http01", "", "-https01", "", "-tlsalpn01", ""]
    with _running(command, folder / "records.log", {}, management):
        yield Records(f"{LOOPBACK}:{dns}", f"http://{LOOPBACK}:{management}")


@contextlib.contextmanager
def pebble(
    folder: Path,
    dns: str,
    *,
    environment: Mapping[str, str] | None = None,
    is_binding_wanted: bool = False,
    validity_seconds: int | None = None,
) -> Iterator[Pebble]:
    """Starts Pebble in `folder`, which is made; `dns` is the name server that it asks, host:port."""
    folder.mkdir(parents=True, exist_ok=True)
    port, management = free_port(), free_port()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    own = authority.issue_cert(LOOPBACK, "localhost")
    own.private_key_pem.write_to_path(folder / "key.pem")
    own.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    settings = {
        "listenAddress": f"{LOOPBACK}:{port}",
        "managementListenAddress": f"{LOOPBACK}:{management}",
        "certificate": str(folder / "cert.pem"),
        "privateKey": str(folder / "key.pem"),
        "httpPort": free_port(),
        "tlsPort": free_port(),
        "ocspResponderURL": "",
        "domainBlocklist": [BLOCKED],
        "externalAccountBindingRequired": is_binding_wanted,
        "externalAccountMACKeys": {EAB_KID: EAB_KEY},
        "certificateValidityPeriod": validity_seconds or 90 * 86400,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
    assert PEBBLE, "pebble is needed"
    command = [PEBBLE, "-config", str(folder / "pebble.json"), "-strict", "-dnsserver", dns]
    with _running(command, folder / "pebble.log", STEADY | dict(environment or {}), port, management):
        yield Pebble(port, management, folder / "ca.pem", folder / "pebble.log")


@contextlib.contextmanager
def _running(command: Sequence[str], log: Path, environment: Mapping[str, str], *ports: int) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=dict(environment))
    try:
        end = time.monotonic() + _READY_SECONDS
        while not all(listens(port) for port in ports):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, f"{command[0]} does not listen:\n{log.read_text()}"
            time.sleep(_STEP_SECONDS)  # noqa: TID251 - no event loop here
        yield
    finally:
        process.terminate()
        process.wait(10)
