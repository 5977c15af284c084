"""Does the https port keep to Mozilla's intermediate profile? sslyze is asked, where it is installed.

It pins its own release of `cryptography`, so it lives in an environment of its own: SSLYZE names its program.
"""

import asyncio
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.launch.service import service
from tests.rig.certificates import Authority
from tests.rig.pairs import write
from tests.rig.ports import LOOPBACK
from tests.rig.web_authority import WebAuthority

SSLYZE = os.environ.get("SSLYZE") or shutil.which("sslyze")
SCAN_SECONDS = 90.0
HOST = "alice.example.com"


@pytest.mark.skipif(SSLYZE is None, reason="sslyze is not installed: SSLYZE=/path/to/sslyze")
async def test_the_https_port_is_compliant(tmp_path: Path, authority: Authority) -> None:
    assert SSLYZE
    store, root, signer = tmp_path / "store", tmp_path / "root.pem", WebAuthority()
    place = store / "live" / "example.com"
    place.mkdir(parents=True)
    root.write_bytes(signer.pem)
    chain, key = signer.issue("example.com", "*.example.com")
    write(place, chain=chain, key=key)
    async with service(tmp_path, authority, workers=1, CERT_DIR=str(store)) as here:
        at = f"{HOST}:{here.gateway.tls_port}"
        # A chain that one store can verify is a verified one, and the file is a store beside the public ones (sslyze 6.3).
        status, told = await _scan(
            [SSLYZE, "--mozilla_config=intermediate", f"--certinfo_ca_file={root}", f"{at}{{{LOOPBACK}}}"]
        )
    verdict = told.partition("COMPLIANCE AGAINST TLS CONFIGURATION")[2]
    assert 'Mozilla\'s "intermediate"' in verdict, told
    assert [line.strip() for line in verdict.splitlines() if HOST in line] == [f"{at}: OK - Compliant."], told
    assert status == 0


async def _scan(command: Sequence[str]) -> tuple[int | None, str]:
    """Exit status and words of the scan, which is killed where it takes too long."""
    scan = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    try:
        async with asyncio.timeout(SCAN_SECONDS):
            told = (await scan.communicate())[0].decode(errors="replace")
    finally:
        if scan.returncode is None:
            scan.kill()
    return scan.returncode, told
