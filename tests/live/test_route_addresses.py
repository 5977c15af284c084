"""Laws of where a route may lead: data from outside opens no door to the inside (FAULTS 24)."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from mesh_gateway.routing.addresses import AddressPolicy
from mesh_gateway.settings import read_settings
from tests.rig.api import route
from tests.rig.certificates import Authority
from tests.rig.listener import Listener
from tests.rig.origin import Origin
from tests.rig.samples import total
from tests.rig.world import World, world

LISTED = "127.7.7.7"
"""The one address of this machine that the second gateway may go to."""

FORBIDDEN = {
    "loopback": "127.0.0.1",
    "another loopback": "127.0.0.2",
    "short loopback": "127.1",
    "hexadecimal": "0x7f000001",
    "decimal": "2130706433",
    "octal": "0177.0.0.1",
    "padded": "127.0.0.01",
    "loopback v6": "::1",
    "bracketed": "[::1]",
    "mapped": "::ffff:127.0.0.1",
    "mapped in hexadecimal": "::ffff:7f00:1",
    "compatible": "::127.0.0.1",
    "unspecified": "0.0.0.0",  # noqa: S104 - a route, not a listener
    "unspecified v6": "::",
    "this network": "0.0.0.1",
    "metadata": "169.254.169.254",
    "metadata v6": "fd00:ec2::254",
    "metadata of others": "100.100.100.200",
    "link-local": "169.254.7.7",
    "link-local v6": "fe80::1",
    "with a zone": "fe80::1%lo",
    "private": "10.1.2.3",
    "private 172": "172.16.0.1",
    "private 192": "192.168.1.1",
    "shared": "100.64.0.1",
    "unique local": "fd12:3456::1",
    "translated loopback": "64:ff9b::127.0.0.1",
    "translated private": "64:ff9b::10.0.0.1",
    "6to4 of loopback": "2002:7f00:1::",
    "multicast": "224.0.0.1",
    "multicast v6": "ff02::1",
    "broadcast": "255.255.255.255",
    "reserved": "240.0.0.1",
    "a name": "localhost",
    "a name of ours": "alice.example.com",
    "an address and a port": "127.0.0.1:80",
    "an address and a path": "127.0.0.1/x",
    "a user": "a@127.0.0.1",
    "blank around": " 127.0.0.1 ",
    "empty": "",
}


class Trap(Listener):
    """A server that nothing must reach: it counts connections."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def trap() -> AsyncIterator[Trap]:
    async with Trap() as listening:
        yield listening


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def default(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    """A gateway with ROUTE_NETWORKS as it comes."""
    async with world(tmp_path_factory.mktemp("default"), authority, ROUTE_NETWORKS=None) as here:
        yield here


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def listing(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    """A gateway that may go to one loopback address."""
    async with world(tmp_path_factory.mktemp("listing"), authority, ROUTE_NETWORKS=f"{LISTED}/32") as here:
        yield here


@pytest.mark.parametrize("name", FORBIDDEN)
async def test_by_default_a_route_there_is_as_good_as_none(default: World, trap: Trap, name: str) -> None:
    host = default.tenant(f"only{list(FORBIDDEN).index(name)}", route(trap.port, ip=FORBIDDEN[name]))
    dropped = total(await default.gateway.metrics(), "gateway_routes_dropped_total")
    answer = await default.ask("GET", host)
    assert (answer.status, answer.code) == (404, "NO_ROUTES")
    (line,) = await default.gateway.access_lines(answer.one("x-request-id"))
    assert line["attempts"] == []
    assert total(await default.gateway.metrics(), "gateway_routes_dropped_total") == dropped + 1
    assert trap.connections == 0


@pytest.mark.parametrize("name", FORBIDDEN)
async def test_the_next_route_is_used_instead(listing: World, trap: Trap, good: Origin, name: str) -> None:
    bad, right = route(trap.port, ip=FORBIDDEN[name]), route(good.port, ip=LISTED, source="tunnel", priority=2)
    host = listing.tenant(f"next{list(FORBIDDEN).index(name)}", bad, right)
    answer = await listing.ask("GET", host, "/", ("X-Mesh-Trace", "1"))
    assert (answer.status, answer.one("x-mesh-route")) == (200, "tunnel,pcs"), "no other route was tried"
    assert trap.connections == 0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def good() -> AsyncIterator[Origin]:
    async with Origin("good", address=LISTED) as listening:
        yield listening


async def test_the_gateways_own_and_the_apis_addresses_are_no_routes(default: World) -> None:
    for number, port in enumerate((default.gateway.port, default.gateway.admin_port, default.api.port)):
        asked = default.api.asked
        host = default.tenant(f"own{number}", route(port))
        assert (await default.ask("GET", host, "/_metrics", ("X-Forwarded-For", "198.51.100.1"))).status == 404
        assert default.api.asked == asked + 1


async def test_all_other_routes_of_the_answer_serve(listing: World, good: Origin, trap: Trap) -> None:
    bad = [route(trap.port, ip=ip) for ip in FORBIDDEN.values()]
    host = listing.tenant("mixed", *bad, route(good.port, ip=LISTED, priority=9))
    dropped = total(await listing.gateway.metrics(), "gateway_routes_dropped_total")
    assert (await listing.ask("GET", host)).status == 200
    assert total(await listing.gateway.metrics(), "gateway_routes_dropped_total") == dropped + len(FORBIDDEN)


async def test_a_client_is_not_told_which_address_was_refused(default: World, trap: Trap) -> None:
    host = default.tenant("quiet", route(trap.port, ip="169.254.169.254"))
    answer = await default.ask("GET", host)
    assert "169.254" not in answer.text + repr(answer.fields)
    assert "169.254.169.254 refused: metadata service" in default.gateway.log


# Without a packet: what the default lists is not on this machine.
PRIVATE = {
    "10.77.0.1": None,
    "10.77.255.254": None,
    "10.76.0.1": "not public",
    "10.78.0.1": "not public",
    "93.184.216.34": None,
    "2606:2800:220:1::1": None,
}


@pytest.mark.parametrize("ip", PRIVATE)
def test_a_private_range_is_open_only_where_it_is_listed(ip: str) -> None:
    policy = AddressPolicy(read_settings({"server_domain": "example.com"}).route_networks)
    assert policy.refuses(ip) == PRIVATE[ip]


def test_listing_a_range_opens_that_range_alone() -> None:
    policy = AddressPolicy(
        read_settings({"server_domain": "example.com", "route_networks": "192.168.7.0/24"}).route_networks
    )
    assert policy.refuses("192.168.7.1") is None
    assert policy.refuses("192.168.8.1") == "not public"
    assert policy.refuses("10.77.0.1") == "not public", "a list replaces the default's"
