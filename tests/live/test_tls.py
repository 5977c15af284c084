"""Laws of the gateway's own certificates and of those that it accepts upstream (CONTRACT part 8)."""

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from tests.rig import behaviours
from tests.rig.api import Api, route
from tests.rig.certificates import Authority
from tests.rig.http1_client import Http1
from tests.rig.http2_client import Http2
from tests.rig.patience import eventually
from tests.rig.world import World, world


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, private: Authority
) -> AsyncIterator[World]:
    api = Api()
    api.ca_pem = private.pem
    async with world(tmp_path_factory.mktemp("tls"), authority, api=api) as here:
        await eventually(
            lambda: (here.gateway.folder / "state").exists() and any((here.gateway.folder / "state").iterdir()),
            "the private CA is kept on disk",
        )
        yield here


@pytest.fixture(scope="module")
def private() -> Authority:
    return Authority("Private CA")


def over_tls(port: int) -> dict[str, object]:
    return dict(route(port, scheme="https"))


@pytest.mark.parametrize("sni", ["evil.org", "app.alice.example.com", None], ids=["foreign", "two labels", "missing"])
async def test_an_unknown_or_missing_server_name_gets_no_certificate(place: World, sni: str | None) -> None:
    blind = ssl.create_default_context()
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    # ssl sends no SNI for an address (RFC 6066 3).
    with pytest.raises((ssl.SSLError, ConnectionError)):
        async with Http1.connect(place.gateway.tls_port, tls=blind, sni=sni or "127.0.0.1"):
            pass


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_versions_of_tls_are_spoken(place: World, version: ssl.TLSVersion) -> None:
    host, _ = await place.new_tenant("versions")
    tls = place.authority.trusting("http/1.1")
    tls.minimum_version = tls.maximum_version = version
    async with Http1.connect(place.gateway.tls_port, tls=tls, sni=host) as client:
        assert (await client.ask("GET", host)).status == 200


async def test_http2_is_preferred_when_a_client_offers_both(place: World) -> None:
    host, _ = await place.new_tenant("both")
    async with Http2.connect(place.gateway.tls_port, place.authority.trusting("http/1.1", "h2"), host) as client:
        assert (await client.ask("GET", host)).version == "2"


async def test_upstream_is_asked_for_and_verified_as_the_public_host(place: World) -> None:
    origin = await place.origin("named", tls=place.serving("named"))
    host = place.tenant("named", over_tls(origin.port))
    assert (await place.ask("GET", host)).json["origin"] == "named"
    assert origin.last.server_name == host


@pytest.mark.parametrize("flaw", ["another name", "an unknown authority", "expired", "plain http"])
async def test_an_upstream_certificate_that_is_not_acceptable_is_502(place: World, flaw: str) -> None:
    tenant = flaw.replace(" ", "")
    tls = {
        "another name": place.serving("other"),
        "an unknown authority": Authority("Nobody").serving(f"{tenant}.example.com"),
        "expired": place.authority.serving(f"{tenant}.example.com", not_after=datetime(2020, 1, 1, tzinfo=UTC)),
        "plain http": None,
    }[flaw]
    origin = await place.origin(tenant, tls=tls)
    answer = await place.ask("GET", place.tenant(tenant, over_tls(origin.port)))
    assert (answer.status, answer.code) == (502, "UPSTREAM_TLS")
    assert not origin.arrivals


async def test_a_private_certificate_must_carry_the_tenants_own_user_id(place: World, private: Authority) -> None:
    tls = private.serving("*.example.com", common_name="user-of-carol")
    origin = await place.origin("carol", tls=tls)
    host = place.tenant("carol", over_tls(origin.port), user="user-of-carol")
    assert (await place.ask("GET", host)).json["origin"] == "carol"
    thief = place.tenant("victim", over_tls(origin.port), user="user-of-victim")
    origin.forget()
    answer = await place.ask("GET", thief)
    assert (answer.status, answer.code) == (502, "UPSTREAM_TLS")
    assert not origin.arrivals


async def test_a_name_below_the_tenants_is_verified_as_the_tenants_for_a_private_certificate(
    place: World, private: Authority
) -> None:
    origin = await place.origin("dora", tls=private.serving("*.example.com", common_name="dora"))
    place.tenant("dora", over_tls(origin.port), user="dora")
    assert (await place.ask("GET", "app.dora.example.com")).json["origin"] == "dora"


async def test_two_tenants_at_one_address_never_share_a_connection(place: World) -> None:
    shared = await place.origin("hub", tls=place.authority.serving("*.example.com"))
    hosts = [place.tenant(name, over_tls(shared.port)) for name in ("first", "second")]
    async with place.connect() as client:
        for host in hosts * 2:
            assert (await client.ask("GET", host)).status == 200
    connection_of = {(arrival.one("host"), arrival.connection) for arrival in shared.arrivals}
    assert len({connection for _, connection in connection_of}) == len(connection_of)
    assert all(arrival.one("host") == arrival.server_name for arrival in shared.arrivals)


async def test_an_upstream_that_speaks_http2_is_served_either_way(place: World) -> None:
    origin = await place.origin("modern", behaviours.describe, tls=place.serving("modern", "h2", "http/1.1"))
    host = place.tenant("modern", over_tls(origin.port))
    async with place.connect_http2(host) as client:
        stream = client.begin("POST", host, "/x", ("x-a", "1"))
        await client.send(stream, [b"abc"])
        answer = await client.answer(stream)
    assert (answer.json["origin"], answer.json["size"]) == ("modern", 3)
    assert (await place.ask("GET", host)).json["origin"] == "modern"
    assert origin.last.server_name == host
