"""Laws of loops: a request that comes back is refused at its first return (FAULTS 25).

Routes lead to a balancer in front of the gateway, for whose address mitmproxy has no rule.
"""

import asyncio
import contextlib
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.rig.api import route
from tests.rig.certificates import Authority
from tests.rig.listener import Listener
from tests.rig.patience import eventually
from tests.rig.ports import LOOPBACK
from tests.rig.world import World, world


class Balancer(Listener):
    """Hands on bytes to one port, as a balancer of layer 4 does."""

    def __init__(self, target: int) -> None:
        super().__init__()
        self._target = target

    async def serve(self, reader: StreamReader, writer: StreamWriter, connection: int) -> None:  # noqa: ARG002 - the base's signature
        there, back = await asyncio.open_connection(LOOPBACK, self._target)
        try:
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        finally:
            back.transport.abort()


async def _copy(source: StreamReader, sink: StreamWriter) -> None:
    while data := await source.read(1 << 16):
        sink.write(data)
        await sink.drain()
    sink.write_eof() if sink.can_write_eof() else sink.close()


@dataclass(frozen=True, slots=True)
class Place:
    """Two gateways that can be pointed at each other; each has an API of its own. The balancers stand before `near`."""

    near: World
    far: World
    plain: Balancer
    secure: Balancer
    admin: Balancer

    @property
    def hops(self) -> tuple[int, int]:
        """How many requests of tenants each has seen."""
        return visits(self.near), visits(self.far)


def visits(at: World) -> int:
    return len([line for line in at.gateway.access_log if str(line["host"]).endswith(".example.com")])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("loops")
    async with world(folder / "near", authority) as near, world(folder / "far", authority) as far:
        gateway = near.gateway
        async with contextlib.AsyncExitStack() as stack:
            ports = (gateway.port, gateway.tls_port, gateway.admin_port)
            yield Place(near, far, *[await stack.enter_async_context(Balancer(port)) for port in ports])


async def test_a_route_to_the_gateway_itself_is_508_after_one_round(place: Place) -> None:
    before = place.hops
    host = place.near.tenant("selfish", route(place.plain.port))
    answer = await place.near.ask("GET", host)
    assert (answer.status, answer.code) == (508, "LOOP_DETECTED")
    await eventually(lambda: place.hops[0] - before[0] >= 2, "both visits are logged")
    assert (place.hops[0] - before[0], place.hops[1] - before[1]) == (2, 0)


@pytest.mark.parametrize("port", ["port", "tls_port", "admin_port"])
async def test_a_route_to_a_listener_of_the_process_itself_is_508_and_not_connected_to(place: Place, port: str) -> None:
    """mitmproxy knows its listeners by address and port and refuses them before a byte is sent."""
    before = place.hops
    scheme = "https" if port == "tls_port" else "http"
    host = place.near.tenant(port.replace("_", ""), route(getattr(place.near.gateway, port), scheme=scheme))
    answer = await place.near.ask("GET", host)
    assert (answer.status, answer.code) == (508, "LOOP_DETECTED")
    await eventually(lambda: place.hops[0] > before[0], "the visit is logged")
    assert (place.hops[0] - before[0], place.hops[1] - before[1]) == (1, 0)


async def test_a_route_to_another_gateway_and_back_is_508_at_the_first_return(place: Place) -> None:
    before = place.hops
    host = place.near.tenant("pingpong", route(place.far.gateway.port))
    place.far.tenant("pingpong", route(place.plain.port))
    answer = await place.near.ask("GET", host)
    assert (answer.status, answer.code) == (508, "LOOP_DETECTED")
    await eventually(lambda: place.hops[0] - before[0] >= 2, "both visits are logged")
    assert (place.hops[0] - before[0], place.hops[1] - before[1]) == (2, 1)


async def test_a_loop_over_tls_is_found_too(place: Place) -> None:
    host = place.near.tenant("secure", route(place.secure.port, scheme="https"))
    assert (await place.near.ask("GET", host)).code == "LOOP_DETECTED"
    async with place.near.connect_http2(host) as client:
        assert (await client.ask("GET", host)).code == "LOOP_DETECTED"


async def test_a_loop_with_a_body_ends_as_well(place: Place) -> None:
    host = place.near.tenant("loaded", route(place.plain.port))
    async with place.near.connect() as client:
        answer = await client.upload("PUT", host, "/", [b"u" * 60_000] * 10)
    assert (answer.status, answer.code) == (508, "LOOP_DETECTED")


async def test_two_gateways_in_a_row_are_no_loop(place: Place) -> None:
    origin = await place.near.origin()
    host = place.near.tenant("chained", route(place.far.gateway.port))
    place.far.tenant("chained", origin)
    assert (await place.near.ask("GET", host)).status == 200
    assert origin.last.one("cdn-loop").count("mesh-router-gateway") == 2


async def test_what_a_client_says_of_other_networks_is_kept(place: Place) -> None:
    host, origin = await place.near.new_tenant("behind")
    answer = await place.near.ask("GET", host, "/", ("CDN-Loop", "othercdn; node=1"))
    assert answer.status == 200
    assert origin.last.one("cdn-loop").startswith("othercdn; node=1, mesh-router-gateway")


async def test_a_route_to_the_admin_port_shows_no_metrics(place: Place) -> None:
    """The address policy refuses such a route unless loopback is listed; this is the second lock on that door."""
    host = place.near.tenant("spy", route(place.admin.port))
    answer = await place.near.ask("GET", host, "/_metrics", ("X-Forwarded-For", "198.51.100.1"))
    assert answer.status != 200
