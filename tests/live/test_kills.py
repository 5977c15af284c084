"""Laws of flows that a script kills: in whatever hook, the client is let go, and nothing goes on behind its back."""

import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.rig.certificates import Authority
from tests.rig.http1_client import ConnectionEndedError
from tests.rig.http2_client import StreamBrokenError
from tests.rig.origin import Origin
from tests.rig.patience import eventually
from tests.rig.payload import MIB, blocks
from tests.rig.world import World, world

pytestmark = pytest.mark.chooses_its_way

HOOKS = ["requestheaders", "request", "responseheaders", "response"]
KILLING = "".join(
    f"def {hook}(flow):\n    if flow.request.path.startswith('/killed-in-{hook}/'):\n        flow.kill()\n\n\n"
    for hook in HOOKS
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scripted(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> AsyncIterator[tuple[World, Origin]]:
    """A gateway with a script beside it that kills flows in the hook which their path names."""
    folder = tmp_path_factory.mktemp("killing")
    script = folder / "killing.py"
    script.write_text(KILLING)
    async with world(folder / "run", authority, options=["-s", str(script)], TRAFFIC_PATH="flow") as here:
        _, origin = await here.new_tenant("alice")
        yield here, origin


HOST = "alice.example.com"
ENDED = (ConnectionEndedError, ConnectionResetError)
BODIES = {"no body": 0, "a body": 1 * MIB}


Scripted = tuple[World, Origin]


def arrived_whole(origin: Origin, path: str) -> bool:
    return any(arrival.complete for arrival in origin.arrivals if arrival.target == path)


async def record(here: World, path: str) -> tuple[str, int]:
    (line,) = await eventually(
        lambda: [line for line in here.gateway.access_log if line["path"] == path], f"access line of {path}"
    )
    return line["code"], line["status"]


def told(hook: str) -> int:
    """The status of the record: when the last hook runs, a streamed answer has been sent but for its end."""
    return 200 if hook == "response" else 499


@pytest.mark.parametrize("size", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("hook", HOOKS)
async def test_over_http1_the_connection_ends(scripted: Scripted, hook: str, size: int) -> None:
    here, origin = scripted
    path = f"/killed-in-{hook}/1/{size}"
    async with here.connect() as client:
        with contextlib.nullcontext() if hook == "response" else pytest.raises(ENDED):
            await client.upload("POST", HOST, path, blocks(size), None if size else 0)
        assert await client.at_end()
    assert await record(here, path) == ("CLIENT_CLOSED", told(hook))
    assert arrived_whole(origin, path) == hook.startswith("response")


@pytest.mark.parametrize("size", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("hook", HOOKS)
async def test_over_http2_the_stream_ends_and_its_neighbours_live(scripted: Scripted, hook: str, size: int) -> None:
    here, origin = scripted
    path = f"/killed-in-{hook}/2/{size}"
    async with here.connect_http2(HOST) as client:
        stream = client.begin("POST", HOST, path, ended=not size)
        if size:
            await client.send(stream, blocks(size))
        with pytest.raises(StreamBrokenError, match="RST_STREAM"):
            await client.answer(stream)
        assert (await client.ask("GET", HOST)).status == 200
    assert await record(here, path) == ("CLIENT_CLOSED", told(hook))
    assert arrived_whole(origin, path) == hook.startswith("response")
