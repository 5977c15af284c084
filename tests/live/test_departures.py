"""Laws of clients that leave: whatever the gateway waits for then, the exchange ends, is written down, and costs nobody."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.rig import behaviours
from tests.rig.api import HANGS, route
from tests.rig.call import Call
from tests.rig.certificates import Authority
from tests.rig.http1_client import request_head
from tests.rig.http2_client import Http2, Stream
from tests.rig.http2_frames import HEADERS, Frames, goodbye, request, reset
from tests.rig.origin import Origin
from tests.rig.patience import eventually
from tests.rig.payload import MIB, blocks
from tests.rig.ports import black_hole
from tests.rig.samples import total
from tests.rig.world import World, world

CANCEL = 8  # RFC 9113 7
SOON = 3.0
"""Far below every timeout of the gateway but the one that says otherwise."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("departures"), authority, CONNECT_TIMEOUT="8s") as here:
        host, _ = await here.new_tenant("first")
        assert (await here.ask("GET", host)).status == 200  # what is opened once is open
        yield here


async def line_of(place: World, path: str) -> dict[str, Any]:
    """The one access line of the request for `path`, soon after its client has left."""

    def lines() -> list[dict[str, Any]]:
        return [line for line in place.gateway.access_log if line["path"] == path]

    await eventually(lines, f"access line of {path}", SOON)
    (line,) = lines()
    return line


@contextlib.asynccontextmanager
async def leaving_nothing(place: World, *, lingering: int = 0) -> AsyncIterator[None]:
    """Soon after the block nothing is in flight, and no socket is open that was not before, but for lingering ones."""

    async def left() -> tuple[float, float]:
        samples = await place.gateway.metrics()
        return total(samples, "gateway_exchanges_in_flight"), total(samples, "process_open_fds")

    _, before = await left()
    yield
    end = asyncio.get_running_loop().time() + SOON
    while (now := await left())[0] > 1 or now[1] > before + lingering:  # the one exchange is the asking
        assert asyncio.get_running_loop().time() < end, f"in flight and open: {now}, open before: {before}"
        await asyncio.sleep(0.05)


# While the upstream takes nothing.


async def stalled_upload(client: Http2, host: str, path: str) -> tuple[Stream, asyncio.Task[None]]:
    """An upload that has come to a halt: all buffers on its way are full."""
    stream = client.begin("PUT", host, path)
    sending = asyncio.get_running_loop().create_task(client.send(stream, blocks(64 * MIB)))
    window = -1
    while client.window(stream) != window or window:
        window = client.window(stream)
        await asyncio.sleep(0.5)
    return stream, sending


async def test_a_reset_ends_an_upload_that_its_upstream_does_not_take(place: World) -> None:
    host, origin = await place.new_tenant("untaken", behaviours.silence)
    # The socket stays until its bytes are taken or LAST_BYTES_SECONDS have passed (proxy/connection.py).
    async with place.connect_http2(host) as client, leaving_nothing(place, lingering=1):
        stream, sending = await stalled_upload(client, host, "/untaken")
        client.cancel(stream)
        line = await line_of(place, "/untaken")
        assert (line["code"], line["route"]) == ("CLIENT_CLOSED", f"127.0.0.1:{origin.port}")
        sending.cancel()
    origin.behaviour = behaviours.describe
    assert (await place.ask("GET", host)).status == 200, "the route is not to blame"


# In the same breath.


def kept(place: World) -> int:
    """Connections to an upstream that stay for the next client: the fast path has a pool."""
    return int(place.gateway.settings["TRAFFIC_PATH"] == "fast")


def frames(place: World, host: str) -> contextlib.AbstractAsyncContextManager[Frames]:
    return Frames.connect(place.gateway.tls_port, place.authority.trusting("h2"), host)


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_request_and_its_reset_in_one_read_are_one_record_and_harm_no_neighbour(
    place: World, method: str
) -> None:
    host, origin = await place.new_tenant(f"breath{method}".lower(), behaviours.slow(SOON))
    path = f"/breath/{method}"
    async with leaving_nothing(place, lingering=kept(place)), frames(place, host) as client:
        asked = request(1, host, method=method, path=path, ended=method == "GET")
        await client.send(asked + reset(1, CANCEL))
        assert (await line_of(place, path))["code"] == "CLIENT_CLOSED"
        origin.behaviour = behaviours.describe
        await client.send(request(3, host))
        await eventually(lambda: client.count(HEADERS, stream=3), "the next stream's answer", SOON)
        assert not client.ended.is_set()
        assert not client.count(HEADERS, stream=1)


async def test_a_request_and_a_goodbye_in_one_read_are_one_record(place: World) -> None:
    """Whether it is still answered is not said (RFC 9113 6.8): mitmproxy ends the connection at once."""
    host, _ = await place.new_tenant("goodbye", behaviours.slow(0.3))
    async with leaving_nothing(place, lingering=kept(place)):
        async with frames(place, host) as client:
            await client.send(request(1, host, path="/goodbye") + goodbye())
            line = await line_of(place, "/goodbye")
            assert (line["code"], line["status"]) in {("CLIENT_CLOSED", 499), (None, 200)}
            assert await client.has_ended()
        async with place.connect_http2(host) as other:
            assert (await other.ask("GET", host)).status == 200


# While the gateway waits.


async def ask_and_leave(place: World, protocol: str, host: str, path: str, waits: float = 0.3) -> None:
    """A request whose client goes while the gateway waits for something."""
    if protocol == "HTTP/1.1":
        async with place.connect() as client:
            await client.send(request_head("GET", path, [("Host", host)]))
            await asyncio.sleep(waits)
    else:
        async with place.connect_http2(host) as modern:
            stream = modern.begin("GET", host, path, ended=True)
            await asyncio.sleep(waits)
            if protocol == "RST_STREAM":
                modern.cancel(stream)
                await line_of(place, path)


PROTOCOLS = ["HTTP/1.1", "HTTP/2", "RST_STREAM"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_client_that_leaves_while_its_tenant_is_looked_up_is_written_down(place: World, protocol: str) -> None:
    tenant, path = f"lookup{PROTOCOLS.index(protocol)}", f"/lookup/{protocol}"
    origin = await place.origin()
    place.api.tenants[tenant] = HANGS
    async with leaving_nothing(place):
        await ask_and_leave(place, protocol, f"{tenant}.example.com", path)
        line = await line_of(place, path)
        assert (line["code"], line["status"], line["attempts"]) == ("CLIENT_CLOSED", 499, [])
    assert not origin.arrivals
    place.tenant(tenant, origin)
    assert (await place.ask("GET", f"{tenant}.example.com")).status == 200


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_client_that_leaves_while_a_route_is_connected_to_is_written_down(place: World, protocol: str) -> None:
    spare = await place.origin("spare")
    path = f"/connect/{protocol}"
    with black_hole() as port:
        host = place.tenant(f"connect{PROTOCOLS.index(protocol)}", route(port), route(spare.port, priority=2))
        async with leaving_nothing(place):
            await ask_and_leave(place, protocol, host, path)
            line = await line_of(place, path)
            assert (line["code"], line["status"]) == ("CLIENT_CLOSED", 499)
    assert not spare.arrivals
    late = Origin("late")
    late.port = port
    async with late:
        assert (await place.ask("GET", host)).json["origin"] == "late", "the route is not to blame"


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_client_that_leaves_before_the_answer_is_written_down(place: World, protocol: str) -> None:
    host, origin = await place.new_tenant(f"unheard{PROTOCOLS.index(protocol)}", behaviours.slow(2 * SOON))
    path = f"/unheard/{protocol}"
    async with leaving_nothing(place):
        await ask_and_leave(place, protocol, host, path)
        line = await line_of(place, path)
        assert (line["code"], line["status"], line["tries"]) == ("CLIENT_CLOSED", 499, 1)
    origin.behaviour = behaviours.describe
    assert (await place.ask("GET", host)).status == 200


HOOKS = ["requestheaders", "request", "responseheaders", "response"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scripted(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    """A gateway with a script beside it that waits in the hook which the path names."""
    folder = tmp_path_factory.mktemp("scripted")
    script = folder / "waiting.py"
    script.write_text(waiting_script())
    async with world(folder / "run", authority, options=["-s", str(script)], TRAFFIC_PATH="flow") as here:
        host, _ = await here.new_tenant("first")
        assert (await here.ask("GET", host)).status == 200
        yield here


def waiting_script() -> str:
    hooks = "".join(f"\n\nasync def {hook}(flow):\n    await wait(flow, '{hook}')\n" for hook in HOOKS)
    return f"""import asyncio


async def wait(flow, hook):
    if flow.request.path.startswith("/waits-in-" + hook + "/"):
        await asyncio.sleep(0.8)
{hooks}"""


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_client_that_leaves_while_a_hook_runs_is_written_down_and_its_connection_is_free(
    scripted: World, hook: str, protocol: str
) -> None:
    host, _ = await scripted.new_tenant(f"hook{HOOKS.index(hook)}{PROTOCOLS.index(protocol)}")
    path = f"/waits-in-{hook}/{protocol}"
    async with leaving_nothing(scripted):
        await ask_and_leave(scripted, protocol, host, path)
        line = await line_of(scripted, path)
        # When the last hook runs the head of a streamed answer has been sent.
        assert (line["code"], line["status"]) == ("CLIENT_CLOSED", 200 if hook == "response" else 499)
    assert (await scripted.ask("GET", host)).status == 200


# A client that dawdles.


async def test_a_client_that_dawdles_until_the_upstream_hangs_up_is_not_the_routes_fault(place: World) -> None:
    async def lose_patience(call: Call) -> None:
        await call.reader.read(1)
        call.hang_up()

    impatient = await place.origin("impatient", lose_patience)
    spare = await place.origin("spare")
    host = place.tenant("dawdling", route(impatient.port), route(spare.port, source="tunnel", priority=2))
    async with place.connect() as client:
        fields = [("Host", host), ("Content-Length", "1000000")]
        await client.send(request_head("POST", "/", fields) + b"d" * 1000)
        answer = await client.answer("POST")
        assert (answer.status, answer.code) == (502, "UPSTREAM_PROTOCOL")
    assert not spare.arrivals, "an order is not placed twice"
    impatient.behaviour = behaviours.describe
    assert (await place.ask("GET", host)).json["origin"] == "impatient", "the best route is still the best"
