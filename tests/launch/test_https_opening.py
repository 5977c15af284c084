"""Does https open on all workers when the first certificate comes, and stay when they are replaced?"""

import asyncio
from pathlib import Path

from tests.launch.service import Service, service
from tests.rig.certificates import Authority
from tests.rig.patience import eventually
from tests.rig.ports import listens
from tests.rig.samples import Samples
from tests.rig.world import World

NAMES = ("example.com", "*.example.com")
ASKS = 12


async def test_the_first_certificate_opens_https_on_every_worker(tmp_path: Path, authority: Authority) -> None:
    store = tmp_path / "store"
    async with service(tmp_path, authority, workers=2, CERT_DIR=str(store)) as here:
        gateway = here.gateway
        assert isinstance(gateway, Service)
        assert not listens(gateway.tls_port)
        authority.renew(store / "live" / "example.com", *NAMES)
        await eventually(lambda: gateway.log.count("https is open, 3 ports now") == 2, "both have opened it")
        await everybody_serves_https(here)
        before = gateway.workers()
        await gateway.replaced()
        await eventually(lambda: not before & gateway.workers(), "the old ones have gone", 20)
        await everybody_serves_https(here)


async def everybody_serves_https(here: World) -> None:
    """Ask over new connections, which the kernel spreads, until each worker has answered."""
    host, _ = await here.new_tenant("spread")
    asked: set[str] = set()
    async with asyncio.timeout(20):
        while len(asked) < 2:
            for _ in range(ASKS):
                async with here.connect_tls(host) as client:
                    assert (await client.ask("GET", host)).status == 200
            asked = served_by(await here.gateway.metrics())


def served_by(samples: Samples) -> set[str]:
    return {
        dict(labels)["worker"]
        for (name, labels), value in samples.items()
        if name == "gateway_requests_total" and value and dict(labels)["status"] == "2xx"
    }
