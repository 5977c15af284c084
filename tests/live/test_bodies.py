"""Laws of how bodies travel: framed anew, in both directions, never collected (CONTRACT part 7)."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.rig import behaviours
from tests.rig.answer import Answer
from tests.rig.call import Behaviour
from tests.rig.certificates import Authority
from tests.rig.curl import curl
from tests.rig.http1_client import request_head
from tests.rig.patience import eventually
from tests.rig.payload import MIB, blocks, digest_of
from tests.rig.world import World, world


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("bodies"), authority) as here:
        yield here


@pytest.mark.parametrize("size", [0, 1, 65_536, 3 * MIB + 1])
@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
async def test_an_upload_arrives_as_it_was_sent(place: World, size: int, chunked: bool) -> None:
    host, origin = await place.new_tenant(f"up{size}{chunked}".lower())
    async with place.connect() as client:
        answer = await client.upload("PUT", host, "/up", blocks(size), None if chunked else size)
        assert (answer.json["size"], answer.json["sha256"]) == (size, digest_of(size))
        assert (await client.ask("GET", host)).status == 200
    assert len(origin.arrivals) == 2


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(behaviours.download(3 * MIB), id="with a length"),
        pytest.param(behaviours.chunked(3 * MIB), id="chunked"),
        pytest.param(behaviours.until_close(3 * MIB), id="until close"),
    ],
)
async def test_a_download_arrives_as_it_was_sent(
    place: World, behaviour: Behaviour, request: pytest.FixtureRequest
) -> None:
    tenant = "down" + request.node.callspec.id.replace(" ", "")
    host, _ = await place.new_tenant(tenant, behaviour)
    async with place.connect() as client, place.connect_http2(host) as modern:
        for answer in (await client.ask("GET", host), await modern.ask("GET", host)):
            assert (answer.whole, answer.tally.size, answer.tally.sha256) == (True, 3 * MIB, digest_of(3 * MIB))
        assert (await client.ask("GET", host)).whole


async def test_an_empty_post_and_a_get_with_a_body_are_carried(place: World) -> None:
    host, _ = await place.new_tenant("odd")
    assert (await place.ask("POST", host, body=b"")).json["size"] == 0
    assert (await place.ask("GET", host, body=b"four")).json["size"] == 4


@pytest.mark.parametrize(
    "behaviour", [behaviours.download(70_000), behaviours.chunked(70_000)], ids=["a length", "chunks"]
)
async def test_an_old_client_gets_a_body_that_it_can_read(place: World, behaviour: Behaviour) -> None:
    host, origin = await place.new_tenant(f"old{id(behaviour)}", behaviour)
    async with place.connect() as client:
        await client.send(request_head("GET", "/", [("Host", host)], "HTTP/1.0"))
        answer = await client.answer()
        assert (answer.whole, answer.tally.sha256) == (True, digest_of(70_000))
        assert not answer.all("transfer-encoding")
        assert await client.at_end()
    assert origin.last.version == "HTTP/1.1"


async def test_a_head_has_the_length_and_no_body(place: World) -> None:
    host, _ = await place.new_tenant("header", behaviours.download(1000))
    async with place.connect() as client:
        answer = await client.ask("HEAD", host)
        assert (answer.one("content-length"), answer.tally.size) == ("1000", 0)
        assert (await client.ask("GET", host)).tally.size == 1000
    async with place.connect_http2(host) as modern:
        assert (await modern.ask("HEAD", host)).one("content-length") == "1000"


@pytest.mark.parametrize("code", [204, 304])
async def test_an_answer_without_a_body_ends_at_its_head(place: World, code: int) -> None:
    host, _ = await place.new_tenant(f"bodiless{code}", behaviours.status(code, ("ETag", '"x"')))
    async with place.connect() as client, place.connect_http2(host) as modern:
        for asker in (client, client, modern):
            answer = await asker.ask("GET", host)
            assert (answer.status, answer.tally.size, answer.one("etag")) == (code, 0, '"x"')
            assert not answer.all("transfer-encoding")


async def test_a_client_that_expects_100_gets_it_and_then_the_answer(place: World) -> None:
    host, _ = await place.new_tenant("expect")
    async with place.connect() as client:
        await client.send(
            request_head("PUT", "/", [("Host", host), ("Content-Length", "5"), ("Expect", "100-continue")])
        )
        waiting = asyncio.gather(client.answer("PUT"))
        await asyncio.sleep(1.5)  # this upstream never says 100: after a second the gateway does
        await client.send(b"hello")
        answer = (await waiting)[0]
    assert (answer.status, answer.interim, answer.json["size"]) == (200, [100], 5)


async def test_a_client_that_expects_100_is_refused_without_it(place: World) -> None:
    async with place.connect() as client:
        await client.send(
            request_head(
                "PUT", "/", [("Host", "nobody.example.com"), ("Content-Length", "5"), ("Expect", "100-continue")]
            )
        )
        answer = await client.answer("PUT")
    assert (answer.status, answer.interim, answer.code) == (404, [], "DOMAIN_NOT_FOUND")


async def test_curl_uploads_with_expect_and_downloads_over_both_protocols(place: World) -> None:
    host, origin = await place.new_tenant("curl", behaviours.echo)
    trust = place.gateway.folder / "upstream-ca.pem"
    for url, port, more in (
        (f"http://{host}/", place.gateway.port, ["--http1.1"]),
        (f"https://{host}/", place.gateway.tls_port, ["--http1.1", "--cacert", str(trust)]),
        (f"https://{host}/", place.gateway.tls_port, ["--http2", "--cacert", str(trust)]),
    ):
        printed = await curl(url, port, "-T", str(trust), "-H", "Expect: 100-continue", *more, host=host)
        assert (printed.exit_code, printed.out, printed.err) == (0, place.authority.pem, "")
    assert len(origin.arrivals) == 3


async def test_trailers_are_dropped_and_nothing_breaks(place: World) -> None:
    host, origin = await place.new_tenant("trailers", behaviours.chunked(10, ("X-T", "down")))
    async with place.connect() as client, place.connect_http2(host) as modern:
        for _ in range(2):
            await client.send(request_head("PUT", "/", [("Host", host), ("Transfer-Encoding", "chunked")]))
            await client.send(b"3\r\nabc\r\n0\r\nX-T: up\r\n\r\n")
            answer = await client.answer("PUT")
            assert (answer.whole, answer.tally.size) == (True, 10)
        stream = modern.begin("PUT", host)
        await modern.send(stream, [b"abc"], trailers=[("x-t", "up")])
        assert (await modern.answer(stream)).tally.size == 10
        assert (await modern.ask("GET", host)).status == 200
    assert [(arrival.body.size, arrival.trailers) for arrival in origin.arrivals] == [(3, [])] * 3 + [(0, [])]


@pytest.mark.parametrize("codes", [(103,), (102, 103), (100,)], ids=str)
async def test_an_interim_answer_is_not_the_answer(place: World, codes: tuple[int, ...]) -> None:
    host, _ = await place.new_tenant(f"interim{'x'.join(map(str, codes))}", behaviours.interim(*codes))
    async with place.connect() as client, place.connect_http2(host) as modern:
        for asker in (client, client, modern):
            answer = await asker.ask("GET", host)
            assert (answer.status, answer.json["origin"][:7]) == (200, "interim")


async def test_an_http2_upload_without_a_length_is_one_chunked_request(place: World) -> None:
    host, origin = await place.new_tenant("unframed")
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    async with place.connect_http2(host) as client:
        for method in ("POST", "GET"):
            stream = client.begin(method, host, "/one")
            await client.send(stream, [smuggled])
            assert (await client.answer(stream)).json["sha256"] == hashlib.sha256(smuggled).hexdigest()
    assert [arrival.target for arrival in origin.arrivals] == ["/one", "/one"]
    assert all(
        arrival.one("transfer-encoding") == "chunked" and not arrival.has("content-length")
        for arrival in origin.arrivals
    )


async def test_an_http2_body_that_belies_its_length_does_not_arrive_whole(place: World) -> None:
    host, origin = await place.new_tenant("belied")
    async with place.connect_http2(host) as client:
        stream = client.begin("POST", host, "/one", ("content-length", "3"))
        await client.send(stream, [b"abcGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"])
        await eventually(stream.done.is_set, "the stream ends")
        assert stream.answer is None or stream.answer.status == 400
    await asyncio.sleep(0.1)
    assert b"smuggled" not in origin.wire


@pytest.mark.parametrize("host", ["nobody.example.com", "evil.org", "al_ice.example.com"])
async def test_a_refused_upload_is_answered_before_it_is_read(place: World, host: str) -> None:
    sent = 0
    async with place.connect() as client:
        await client.send(request_head("PUT", "/", [("Host", host), ("Content-Length", str(20 << 30))]))
        waiting = asyncio.gather(client.answer("PUT"))
        while not waiting.done() and sent < 2 * MIB:
            await client.send(bytes(16_384))
            sent += 16_384
            await asyncio.sleep(0.01)
        answer = (await waiting)[0]
    assert answer.status in {400, 404}
    assert sent < MIB


async def test_an_early_refusal_of_the_upstream_reaches_the_client(place: World) -> None:
    host, _ = await place.new_tenant("early", behaviours.too_large)
    async with place.connect() as client:
        await client.send(request_head("PUT", "/", [("Host", host), ("Content-Length", str(8 * MIB))]))
        waiting = asyncio.gather(client.answer("PUT"))
        await asyncio.sleep(0.3)
        assert waiting.done()
        assert (await waiting)[0].status == 413


async def test_bytes_travel_as_they_come(place: World) -> None:
    host, _ = await place.new_tenant("trickle", behaviours.trickle(b"abcdef", 0.2))
    loop = asyncio.get_running_loop()
    async with place.connect_http2(host) as client:
        start = loop.time()
        stream = client.begin("GET", host, ended=True)
        await asyncio.wait_for(stream.headed.wait(), 5)
        assert loop.time() - start < 0.8
        assert (await client.answer(stream)).text == "abcdef"


async def test_a_slow_reader_gets_every_byte(place: World) -> None:
    size = 4 * MIB
    host, _ = await place.new_tenant("slowreader", behaviours.download(size))
    async with place.connect() as client:
        await client.send(request_head("GET", "/", [("Host", host)]))
        answer: Answer = await client.answer(pause_seconds=0.02)
    assert (answer.tally.size, answer.tally.sha256) == (size, digest_of(size))
