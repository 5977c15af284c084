"""Does the https port keep to Mozilla's intermediate profile? sslyze is asked, where it is installed.

It pins its own release of `cryptography`, so it lives in an environment of its own: SSLYZE names its program.
"""

import asyncio
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from pathlib import Path

import pytest

from tests.launch.service import service
from tests.rig.certificates import Authority
from tests.rig.ports import LOOPBACK

SSLYZE = os.environ.get("SSLYZE") or shutil.which("sslyze")
SCAN_SECONDS = 90.0


@pytest.mark.skipif(SSLYZE is None, reason="sslyze is not installed: SSLYZE=/path/to/sslyze")
async def test_the_https_port_is_compliant(tmp_path: Path, authority: Authority) -> None:
    assert SSLYZE
    store = tmp_path / "store"
    authority.renew(store / "live" / "example.com", "example.com", "*.example.com")
    async with service(tmp_path, authority, workers=1, CERT_DIR=str(store)) as here:
        at = f"alice.example.com:{here.gateway.tls_port}{{{LOOPBACK}}}"
        scan = await asyncio.create_subprocess_exec(
            SSLYZE,
            "--mozilla_config=intermediate",
            at,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
        )
        try:
            async with asyncio.timeout(SCAN_SECONDS):
                told = (await scan.communicate())[0].decode(errors="replace")
        finally:
            if scan.returncode is None:
                scan.kill()
    verdict = told.partition("COMPLIANCE AGAINST TLS CONFIGURATION")[2]
    assert 'Mozilla\'s "intermediate"' in verdict, told
    complaints = [line.strip() for line in verdict.splitlines() if line.strip().startswith("* ")]
    # The one complaint that may be: the test's own CA is no public one, and marks names as critical (RFC 5280 4.2.1.6).
    assert [each for each in complaints if not each.startswith("* certificate_path_validation")] == []
