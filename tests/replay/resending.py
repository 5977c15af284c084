"""What comes of the recordings when they are sent over a socket, to the fast path?

mitmproxy's client replay hands its requests to the flow path, whatever path is set (`replaying.py`). Nothing that comes
back may differ for that: the expectations are the same, and there is no table of allowed differences. What a flow does
not tell, where chunks begin and end, is chosen here.
"""

from collections.abc import Mapping
from pathlib import Path

from mitmproxy import http

from tests.replay.expectation import Expectation, Returned
from tests.replay.recording import FOLDER, read_flows
from tests.replay.scenery import SETTINGS, scenery
from tests.rig.answer import Answer
from tests.rig.call import Lines, chunk
from tests.rig.certificates import Authority
from tests.rig.gateway import SCRIPT, bad_signs
from tests.rig.http1_client import request_head
from tests.rig.samples import total
from tests.rig.world import World, world

CHUNK_SIZE = 7


async def resend(
    folder: Path, authority: Authority, *, recordings: Path = FOLDER, script: Path = SCRIPT
) -> Mapping[str, Expectation]:
    """All recordings over the fast path of one gateway, `script`; by the recording's name."""
    found = {}
    async with (
        scenery() as scene,
        world(folder, authority, api=scene.api, script=script, TRAFFIC_PATH="fast", **SETTINGS) as here,
    ):
        for path in sorted(recordings.glob("*.mitm")):  # noqa: ASYNC240 - a short list
            (flow,) = read_flows(path)
            answer = await _send(flow.request, here)
            assert answer.whole
            returned = Returned(answer.status, answer.fields, bytes(answer.body))
            found[path.stem] = Expectation.of(scene.arrivals(path.stem), returned)
        assert total(await here.gateway.metrics(), "gateway_path_requests_total", via="fast") == len(found)
        assert not bad_signs(here.gateway.log)
    return found


async def _send(request: http.Request, here: World) -> Answer:
    """On a connection of its own, so that no recording leans on another."""
    if request.is_http2:
        async with here.connect_http2(request.authority) as client:
            body = request.raw_content or None
            return await client.ask(request.method, request.authority, request.path, *_fields(request), body=body)
    async with here.connect() as plain:
        await plain.send(_written(request))
        return await plain.answer(request.method)


def _written(request: http.Request) -> bytes:
    """The request as its client wrote it."""
    head = request_head(request.method, request.path, _fields(request), request.http_version)
    body = request.raw_content or b""
    if "Transfer-Encoding" not in request.headers:
        return head + body
    pieces = [chunk(body[start : start + CHUNK_SIZE]) for start in range(0, len(body), CHUNK_SIZE)]
    return b"".join([head, *pieces, chunk(b"")])


def _fields(request: http.Request) -> Lines:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.fields]
