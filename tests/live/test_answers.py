"""Laws of the answers of the gateway's own (CONTRACT part 6), each row on a live gateway."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.rig import behaviours
from tests.rig.answer import Answer
from tests.rig.api import BROKEN, known, route
from tests.rig.certificates import Authority
from tests.rig.curl import curl
from tests.rig.patience import eventually
from tests.rig.ports import dead_port
from tests.rig.samples import names, total
from tests.rig.world import World, world

BROWSER = ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
LEAKS = re.compile(r"127\.0\.0\.|Traceback|mitmproxy|\.py\b|Errno|Connect call", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """How to provoke one answer."""

    status: int
    code: str
    tenant: str = "alice"
    host: str = ""
    method: str = "GET"
    target: str = "/"
    fields: tuple[tuple[str, str], ...] = ()
    unread: bool = False
    """The head is too large to be read, so neither `Accept` nor the method are known."""


ROWS = {
    "malformed host": Row(400, "INVALID_HOST", host="al_ice.example.com"),
    "foreign host": Row(404, "FOREIGN_HOST", host="evil.org"),
    "apex": Row(404, "FOREIGN_HOST", host="example.com"),
    "unknown tenant": Row(404, "DOMAIN_NOT_FOUND", "nobody"),
    "no routes": Row(404, "NO_ROUTES", "offline"),
    "api down": Row(502, "RESOLVER_UNAVAILABLE", "apidown"),
    "no route connects": Row(504, "ROUTES_EXHAUSTED", "dead"),
    "certificate": Row(502, "UPSTREAM_TLS", "badtls"),
    "not http": Row(502, "UPSTREAM_PROTOCOL", "garbage"),
    "hung up": Row(502, "UPSTREAM_PROTOCOL", "hangup", method="POST"),
    "too slow": Row(504, "UPSTREAM_TIMEOUT", "silent"),
    "body too large": Row(413, "BODY_TOO_LARGE", method="PUT", fields=(("Content-Length", str((20 << 30) + 1)),)),
    "a field too large": Row(431, "HEADERS_TOO_LARGE", fields=(("X-Big", "b" * 40_000),), unread=True),
    "too many fields": Row(431, "HEADERS_TOO_LARGE", fields=tuple((f"X-{n}", "1") for n in range(120)), unread=True),
    "target too long": Row(414, "URI_TOO_LONG", target="/" + "t" * 9_000, unread=True),
    "trace": Row(405, "METHOD_NOT_ALLOWED", method="TRACE"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    async with world(
        tmp_path_factory.mktemp("answers"), authority, FIRST_BYTE_TIMEOUT="700ms", RESOLVE_BUDGET="500ms"
    ) as here:
        with dead_port() as dead:
            await people(here, dead)
            yield here


async def people(here: World, dead: int) -> None:
    """A tenant for each fate."""
    await here.new_tenant("alice")
    await here.new_tenant("garbage", behaviours.garbage)
    await here.new_tenant("hangup", behaviours.hang_up)
    await here.new_tenant("silent", behaviours.silence)
    here.api.tenants["offline"] = known([], tenant="offline", ttl=-2)
    here.api.tenants["apidown"] = here.api.old_tenants["apidown"] = BROKEN
    here.tenant("dead", route(dead))
    untrusted = await here.origin("badtls", tls=Authority("Nobody").serving("badtls.example.com"))
    here.tenant("badtls", route(untrusted.port, scheme="https"))


async def provoke(place: World, row: Row, *fields: tuple[str, str]) -> Answer:
    host = row.host or f"{row.tenant}.example.com"
    return await place.ask(row.method, host, row.target, *row.fields, *fields)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_a_failure_is_json_with_its_code_and_is_not_stored(place: World, row: Row) -> None:
    answer = await provoke(place, row)
    assert (answer.status, answer.code) == (row.status, row.code)
    assert {"error", "code", "requestId"} <= set(answer.json) <= {"error", "code", "requestId", "lastSeenOnline"}
    assert answer.json["requestId"] == answer.one("x-request-id")
    assert answer.one("cache-control") == "no-store"
    assert_discreet(answer)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_a_browser_gets_a_page_that_stands_alone(place: World, row: Row) -> None:
    answer = await provoke(place, row, BROWSER)
    assert answer.status == row.status
    if row.unread and answer.code == row.code:
        return
    assert answer.one("content-type").startswith("text/html")
    assert answer.one("cache-control") == "no-store"
    assert row.code in answer.text
    assert answer.one("x-request-id") in answer.text
    assert not re.search(r"(src|href)\s*=|<script|url\(|@import", answer.text)
    assert_discreet(answer)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
async def test_a_failure_leaves_one_access_line_with_its_code(place: World, row: Row) -> None:
    answer = await provoke(place, row)
    lines = await place.gateway.access_lines(answer.one("x-request-id"))
    assert [(line["status"], line["code"]) for line in lines] == [(row.status, row.code)]
    assert lines[0]["method"] == row.method or row.unread


def assert_discreet(answer: Answer) -> None:
    everything = "\n".join(f"{name}: {value}" for name, value in answer.fields) + "\n" + answer.text
    assert not LEAKS.search(everything), LEAKS.search(everything)


async def test_an_offline_page_says_when_its_owner_was_last_seen(place: World) -> None:
    assert "2024" in (await provoke(place, ROWS["no routes"], BROWSER)).text


async def test_a_page_cannot_be_made_to_run_a_script(place: World) -> None:
    answer = await place.ask("GET", "<script>alert(1)</script>.example.com", "/", BROWSER)
    assert answer.status == 400
    assert "<script" not in answer.text


async def test_to_head_a_failure_has_no_body(place: World) -> None:
    async with place.connect() as client:
        answer = await client.ask("HEAD", "nobody.example.com")
        assert (answer.status, answer.tally.size) == (404, 0)
        assert (await client.ask("GET", "alice.example.com")).status == 200


@pytest.mark.parametrize(
    "row",
    [row for name, row in ROWS.items() if row.status in {404, 502, 504} and row.host != "evil.org"],
    ids=lambda row: f"{row.code} {row.tenant}{row.host}",
)
async def test_over_http2_a_failure_is_the_same_and_the_connection_lives(place: World, row: Row) -> None:
    async with place.connect_http2("alice.example.com") as client:
        answer = await client.ask(row.method, row.host or f"{row.tenant}.example.com", row.target)
        assert (answer.status, answer.code) == (row.status, row.code)
        assert answer.json["requestId"] == answer.one("x-request-id")
        assert (await client.ask("GET", "alice.example.com")).status == 200


@pytest.mark.parametrize(
    "host", ["alice.example.com", "evil.org", "al_ice.example.com", "nobody.example.com", "1.2.3.4", ""]
)
async def test_health_is_answered_on_any_host(place: World, host: str) -> None:
    answer = await place.ask("GET", host, "/_health")
    assert (answer.status, answer.json) == (200, {"status": "ok"})


async def test_metrics_are_answered_on_the_admin_port_and_to_loopback_on_the_public_one(place: World) -> None:
    assert names(await place.gateway.metrics())
    answer = await place.ask("GET", "alice.example.com", "/_metrics")
    assert answer.status == 200
    assert answer.one("content-type").startswith("text/plain")


async def test_the_admin_port_carries_no_request_to_a_tenant(place: World) -> None:
    printed = await curl(
        "http://alice.example.com/x", place.gateway.admin_port, "-w", "%{http_code}", host="alice.example.com"
    )
    assert printed.out.endswith(b"404")


async def test_over_a_limit_is_429_and_says_when_to_come_back(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> None:
    async with world(tmp_path_factory.mktemp("limit"), authority, RATE_LIMIT="1") as here:
        host, origin = await here.new_tenant("alice")
        async with here.connect() as client:
            got = [await client.ask("GET", host) for _ in range(15)]
        refused = [answer for answer in got if answer.status == 429]
        assert 3 <= len(refused) <= 6
        assert {answer.code for answer in refused} == {"RATE_LIMITED"}
        assert all(int(answer.one("retry-after")) >= 1 for answer in refused)
        assert len(origin.arrivals) + len(refused) == 15
        assert (await here.ask("GET", host, "/_health")).status == 200


async def test_over_capacity_is_503_and_what_runs_at_sigterm_is_finished(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> None:
    async with world(tmp_path_factory.mktemp("drain"), authority, MAX_EXCHANGES="1", DRAIN_TIMEOUT="10s") as here:
        host, origin = await here.new_tenant("alice", behaviours.slow(1.0))
        async with here.connect() as first, here.connect() as second:
            running = asyncio.gather(first.ask("GET", host))
            await asyncio.sleep(0.3)
            assert_unavailable(await second.ask("GET", host))
            here.gateway.terminate()
            await asyncio.sleep(0.2)
            assert [answer.status for answer in await running] == [200]
        assert await here.gateway.exited(5) == 0
        assert len(origin.arrivals) == 1


def assert_unavailable(answer: Answer) -> None:
    assert (answer.status, answer.code) == (503, "UNAVAILABLE")
    assert int(answer.one("retry-after")) >= 1


async def test_every_request_is_one_access_line_and_one_count(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> None:
    async with world(tmp_path_factory.mktemp("count"), authority) as here:
        host, origin = await here.new_tenant("alice")
        counted = total(await here.gateway.metrics(), "gateway_requests_total")
        lines = len(here.gateway.access_log)
        async with here.connect_http2(host) as modern:
            for target in ("/", "/_health"):
                assert (await modern.ask("GET", host, target)).status == 200
        for name in (host, "nobody.example.com", "evil.org", "al_ice.example.com"):
            await here.ask("GET", name)
        assert (await here.ask_raw(b"GET / HTTP/9.9\r\n\r\n")).status == 400
        await eventually(lambda: len(here.gateway.access_log) - lines >= 7, "seven more access lines")
        await asyncio.sleep(0.2)
        own = [line for line in here.gateway.access_log[lines:] if line["host"] != "admin"]
        assert len(own) == 7
        assert len({line["requestId"] for line in own}) == 7
        # asking for the metrics is itself a request, and is counted when its answer is made or after it
        assert total(await here.gateway.metrics(), "gateway_requests_total") - counted in {7, 8}
        assert len(origin.arrivals) == 2
