"""Laws of which name leads where (CONTRACT part 2), each row on a live gateway."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.rig.answer import Answer
from tests.rig.api import route
from tests.rig.certificates import Authority
from tests.rig.origin import Origin
from tests.rig.world import World, world

TENANT = (
    "alice.nsl.sh",
    "ALICE.nsl.sh:8443",
    "alice.nsl.sh.",
    "alice.nsl.sh.:443",
    "app.alice.nsl.sh",
    "app-alice.nsl.sh",
    "a-b-alice.nsl.sh",
    "x.app-alice.nsl.sh",
    "-alice.nsl.sh",
    "www.alice.nsl.sh",
)
MALFORMED = (
    "alice-.nsl.sh",
    "al_ice.nsl.sh",
    "a..nsl.sh",
    ".nsl.sh",
    "%41lice.nsl.sh",
    "foo?x.nsl.sh",
    "",
    "alice.nsl.sh:0x50",
    "a" * 64 + ".nsl.sh",
    ".".join(["a" * 60] * 5) + ".nsl.sh",
)
NOBODY = ("nsl.sh", "NSL.sh:80", "www.nsl.sh", "root.nsl.sh", "app.nsl.sh", "x-www.nsl.sh")
FOREIGN = ("evil.org", "alice.nsl.sx", "xnsl.sh", "1.2.3.4", "[2001:db8::1]", "localhost")
TWO_LABELS = ("app.alice.nsl.sh", "x.app-alice.nsl.sh", "www.alice.nsl.sh")
"""Tenant names that the wildcard certificate does not cover."""


@dataclass(frozen=True, slots=True)
class Place:
    """The world of this module: without and with a landing page."""

    bare: World
    landing: World
    alice: Origin
    page: Origin


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("hosts")
    async with Origin("alice") as alice, Origin("landing") as page:
        default = f"http://127.0.0.1:{page.port}"
        async with (
            world(folder / "bare", authority, SERVER_DOMAIN="nsl.sh") as bare,
            world(folder / "landing", authority, SERVER_DOMAIN="nsl.sh", DEFAULT_BACKEND=default) as landing,
        ):
            for one in (bare, landing):
                one.tenant("alice", route(alice.port))
            yield Place(bare, landing, alice, page)


async def over_http2(at: World, host: str) -> Answer:
    async with at.connect_http2("alice.nsl.sh") as client:
        return await client.ask("GET", host)


@pytest.mark.parametrize("host", TENANT)
async def test_a_tenants_name_reaches_the_tenant(place: Place, host: str) -> None:
    answer = await place.bare.ask("GET", host)
    assert (answer.status, answer.json["origin"]) == (200, "alice")


@pytest.mark.parametrize("host", MALFORMED)
async def test_a_malformed_name_is_400_with_guidance(place: Place, host: str) -> None:
    before = place.bare.api.asked
    answer = await place.bare.ask("GET", host)
    assert (answer.status, answer.code) == (400, "INVALID_HOST")
    assert len(answer.json["error"]) > 20
    assert place.bare.api.asked == before


@pytest.mark.parametrize("host", NOBODY + FOREIGN)
async def test_a_name_without_a_tenant_is_404(place: Place, host: str) -> None:
    before = place.bare.api.asked
    answer = await place.bare.ask("GET", host)
    assert (answer.status, answer.code) == (404, "FOREIGN_HOST")
    assert place.bare.api.asked == before


@pytest.mark.parametrize("host", NOBODY + FOREIGN)
async def test_a_name_without_a_tenant_reaches_the_default_backend(place: Place, host: str) -> None:
    answer = await place.landing.ask("GET", host, "/start?x=1")
    assert (answer.status, answer.json["origin"], answer.json["target"]) == (200, "landing", "/start?x=1")


async def test_a_default_backend_takes_neither_tenants_nor_malformed_names(place: Place) -> None:
    assert (await place.landing.ask("GET", "alice.nsl.sh")).json["origin"] == "alice"
    assert (await place.landing.ask("GET", "alice-.nsl.sh")).status == 400
    assert (await place.landing.ask("GET", "nobody.nsl.sh")).code == "DOMAIN_NOT_FOUND"


@pytest.mark.parametrize("host", [host for host in TENANT if host not in TWO_LABELS])
async def test_over_http2_a_tenants_name_under_the_certificate_reaches_the_tenant(place: Place, host: str) -> None:
    answer = await over_http2(place.bare, host)
    assert (answer.status, answer.json["origin"], answer.version) == (200, "alice", "2")


@pytest.mark.parametrize("host", [*FOREIGN, *TWO_LABELS])
async def test_over_http2_a_name_under_no_certificate_of_the_connection_is_421(place: Place, host: str) -> None:
    answer = await over_http2(place.landing, host)
    assert (answer.status, answer.code) == (421, "MISDIRECTED")


async def test_over_tls_and_http1_a_name_under_no_certificate_of_the_connection_is_421(place: Place) -> None:
    async with place.bare.connect_tls("alice.nsl.sh") as client:
        assert (await client.ask("GET", "alice.nsl.sh")).json["origin"] == "alice"
        assert (await client.ask("GET", "evil.org")).code == "MISDIRECTED"


@pytest.mark.parametrize("host", NOBODY)
async def test_over_http2_a_name_without_a_tenant_is_404(place: Place, host: str) -> None:
    answer = await over_http2(place.bare, host)
    assert (answer.status, answer.code) == (404, "FOREIGN_HOST")


@pytest.mark.parametrize("host", [host for host in MALFORMED if host])
async def test_over_http2_a_malformed_name_is_400(place: Place, host: str) -> None:
    answer = await over_http2(place.bare, host)
    assert (answer.status, answer.code) == (400, "INVALID_HOST")


async def test_an_absolute_target_carries_its_own_host_and_must_agree(place: Place) -> None:
    agreeing = b"GET http://ALICE.nsl.sh/x?y HTTP/1.1\r\nHost: alice.nsl.sh\r\n\r\n"
    answer = await place.bare.ask_raw(agreeing)
    assert (answer.json["origin"], answer.json["target"]) == ("alice", "/x?y")
    answer = await place.bare.ask_raw(agreeing.replace(b"ALICE", b"bob"))
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")
