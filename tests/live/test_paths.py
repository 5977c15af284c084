"""Which way a request takes: fast, unless somebody wants to see it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.live.onlookers import LOOKING, TAPPING, write
from tests.rig import behaviours
from tests.rig.answer import Answer
from tests.rig.certificates import Authority
from tests.rig.http1_client import request_head
from tests.rig.patience import eventually
from tests.rig.samples import total
from tests.rig.world import World, world

pytestmark = pytest.mark.chooses_its_way


async def via(place: World, answer: Answer) -> str:
    """The way that the access line of an answered request tells."""
    lines = await place.gateway.access_lines(answer.one("x-request-id") or "")
    return str(lines[0]["via"])


@pytest.mark.parametrize(
    ("setting", "options", "expected"),
    [
        ("auto", (), "fast"),
        ("fast", (), "fast"),
        ("flow", (), "flow"),
        ("auto", ("-w", "flows.mitm"), "flow"),
        ("auto", ("--set", "modify_headers=/~q/X-Added/yes"), "flow"),
        ("fast", ("-w", "flows.mitm"), "fast"),
    ],
)
async def test_the_fast_way_is_taken_unless_flows_are_wanted(
    tmp_path: Path, authority: Authority, setting: str, options: Sequence[str], expected: str
) -> None:
    async with world(tmp_path, authority, options=options, TRAFFIC_PATH=setting) as place:
        host, _ = await place.new_tenant("alice")
        assert await via(place, await place.ask("GET", host)) == expected
        assert total(await place.gateway.metrics(), "gateway_path_requests_total", via=expected) >= 1


async def test_a_further_script_with_a_flow_hook_sees_every_request(tmp_path: Path, authority: Authority) -> None:
    script = write(tmp_path / "scripts", "looking", LOOKING)
    async with world(tmp_path, authority, options=("-s", script), TRAFFIC_PATH="auto") as place:
        host, _ = await place.new_tenant("alice")
        answer = await place.ask("GET", host, "/seen")
        assert answer.one("x-seen") == "/seen"
        assert await via(place, answer) == "flow"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_connection_changes_its_way_between_two_requests_when_its_tenant_is_tapped(
    tmp_path: Path, authority: Authority, scheme: str
) -> None:
    script = write(tmp_path / "scripts", "tapping", TAPPING)
    async with world(tmp_path, authority, options=("-s", script), TRAFFIC_PATH="auto") as place:
        alice, origin = await place.new_tenant("alice")
        bob, _ = await place.new_tenant("bob")
        connecting = place.connect() if scheme == "http" else place.connect_tls(alice)
        async with connecting as client:
            assert await via(place, await client.ask("GET", alice, "/before")) == "fast"
            await tap(place, "alice")
            tapped = await client.ask("POST", alice, "/after", body=b"of a tapped tenant")
            assert await via(place, tapped) == "flow"
            assert [arrival.target for arrival in origin.arrivals] == ["/before", "/after"]
            assert origin.last.one("x-forwarded-proto") == scheme
        assert await via(place, await place.ask("GET", bob)) == "fast"
        await tap(place)
        assert await via(place, await place.ask("GET", alice)) == "fast"


async def test_over_http2_a_client_comes_back_on_the_other_way_when_its_tenant_is_tapped(
    tmp_path: Path, authority: Authority
) -> None:
    script = write(tmp_path / "scripts", "tapping", TAPPING)
    async with world(tmp_path, authority, options=("-s", script), TRAFFIC_PATH="auto") as place:
        alice, _ = await place.new_tenant("alice")
        async with place.connect_http2(alice) as client:
            assert await via(place, await client.ask("GET", alice)) == "fast"
            await tap(place, "alice")
            refused = client.begin("GET", alice, ended=True)
            await eventually(refused.done.is_set, "the stream is refused")
            assert refused.answer is None
        async with place.connect_http2(alice) as client:
            assert await via(place, await client.ask("GET", alice)) == "flow"


async def test_on_the_fast_way_the_upstream_says_whether_it_wants_the_body(
    tmp_path: Path, authority: Authority
) -> None:
    async with world(tmp_path, authority, TRAFFIC_PATH="fast") as place:
        unwilling, origin = await place.new_tenant("unwilling", behaviours.too_large)
        willing, _ = await place.new_tenant("willing", behaviours.interim(100))
        for host, interim, status in ((unwilling, [], 413), (willing, [100], 200)):
            async with place.connect() as client:
                fields = [("Host", host), ("Content-Length", "5"), ("Expect", "100-continue")]
                await client.send(request_head("PUT", "/", fields))
                waiting = asyncio.gather(client.answer("PUT"))
                await asyncio.sleep(0.3)
                if status == 200:
                    await client.send(b"hello")
                answer = (await waiting)[0]
                assert (answer.status, answer.interim) == (status, interim)
        assert origin.last.one("expect") == "100-continue"


async def tap(place: World, *tenants: str) -> None:
    """Have exactly these tenants tapped, and wait until they are."""
    folder = place.gateway.folder
    (folder / "tapped").write_text("\n".join(tenants))
    await eventually(lambda: (folder / "seen").read_text() == " ".join(sorted(tenants)), "the tap is there")
