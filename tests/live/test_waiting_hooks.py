"""Laws of hooks that wait: their own request waits with them, and no other one."""

import asyncio
from pathlib import Path

import pytest

from mesh_gateway.tasks import Tasks
from tests.live.onlookers import WAITING, write
from tests.rig.certificates import Authority
from tests.rig.patience import eventually
from tests.rig.world import world

pytestmark = pytest.mark.chooses_its_way


async def test_a_request_waits_for_its_hooks_and_others_pass_it(tmp_path: Path, authority: Authority) -> None:
    script = write(tmp_path / "scripts", "waiting", WAITING)
    async with world(tmp_path, authority, options=("-s", script), TRAFFIC_PATH="flow") as place:
        host, origin = await place.new_tenant("alice")
        slow = Tasks().start(place.ask("POST", host, "/slow", body=b"all of it"), name="slow")
        await eventually((place.gateway.folder / "waits").exists, "the hook that waits")
        quick = await place.ask("GET", host, "/quick")
        assert quick.one("x-waited") == "requestheaders responseheaders"
        assert [arrival.target for arrival in origin.arrivals] == ["/quick"]
        (place.gateway.folder / "go").touch()
        answer = await asyncio.wait_for(slow, 10)
        assert answer.one("x-waited") == "requestheaders responseheaders"
        assert [arrival.target for arrival in origin.arrivals if arrival.complete] == ["/quick", "/slow"]
