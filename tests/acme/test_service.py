"""Does the whole service come to https by itself? What scripts/run starts, a real CA, a real name server, curl."""

import contextlib
from pathlib import Path

from tests.acme.rig.bind import Bind
from tests.acme.rig.pebble import Pebble
from tests.launch.service import Service
from tests.rig.api import Api
from tests.rig.certificates import Authority
from tests.rig.curl import Printed, curl
from tests.rig.patience import eventually
from tests.rig.world import World

ISSUE_SECONDS = 60.0


async def test_from_nothing_https_is_served_with_the_cas_certificate(
    tmp_path: Path, authority: Authority, ca: Pebble, named: Bind
) -> None:
    store, root = tmp_path / "certificates", tmp_path / "root.pem"
    root.write_bytes(ca.root_pem())
    settings = {
        "SERVER_DOMAIN": "example.test",
        "SSL_EMAIL": "me@example.test",
        "CERT_DIR": str(store),
        "ACME_DIRECTORY_URLS": ca.directory,
        "ACME_CA_FILE": str(ca.ca_file),
        "DNS_AUTHORITATIVE_PORT": str(named.port),
        "WORKERS": "2",
        **named.environment,
    }
    async with contextlib.AsyncExitStack() as ending, Api() as api:
        running = Service(tmp_path, {"BACKEND_URL": api.url, **settings})
        ending.push_async_callback(running.stop)
        await running.start()
        here = World(running, api, authority, ending)
        host, origin = await here.new_tenant("alice")
        assert (await curl(f"http://{host}/plain", running.port, host=host)).exit_code == 0

        https = running.tls_port
        await eventually((store / "live" / "example.test").exists, "a certificate", ISSUE_SECONDS)
        arguments = ("--cacert", str(root), "--http2", "--retry", "20", "--retry-connrefused", "--retry-delay", "1")
        printed: Printed = await curl(
            f"https://{host}/secret",
            https,
            *arguments,
            "-o",
            "/dev/null",
            "-w",
            "%{http_version} %{response_code}",
            host=host,
        )
        assert (printed.exit_code, printed.out) == (0, b"2 200"), printed.err + running.log
        assert origin.last.target == "/secret"
        assert origin.last.one("x-forwarded-proto") == "https"
        apex = await curl(
            "https://example.test/", https, "--cacert", str(root), "-w", " %{response_code}", host="example.test"
        )
        assert (apex.exit_code, apex.out[-4:]) == (0, b" 404"), apex
