"""How are the recordings made? By sending each case to a live gateway that records (`mitmdump -w`).

Run as scripts/record. On unchanged code it changes no file.
"""

import asyncio
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mitmproxy import http

from tests.replay.cases import CASES, Case
from tests.replay.expectation import Expectation, Returned
from tests.replay.recording import FOLDER, keep, put_back, read_flows
from tests.replay.scenery import SETTINGS, scenery
from tests.rig.answer import Answer
from tests.rig.certificates import Authority
from tests.rig.gateway import SCRIPT
from tests.rig.world import World, world

NOT_THE_RIGS_OWN = "! ~u /_ready$"
"""A filter expression of mitmproxy's: the rig asks the admin port whether the gateway is ready."""


async def record(recordings: Path = FOLDER) -> list[str]:
    """Make all recordings and their expectations; the names of the files that changed."""
    with tempfile.TemporaryDirectory() as folder:
        flows_path = Path(folder) / "all.mitm"
        found = await _exchange_all(Path(folder), flows_path)
        flows = read_flows(flows_path)
    recordings.mkdir(exist_ok=True)  # noqa: ASYNC240 - nothing else runs here
    changed = _remove_others(recordings)
    # They were sent one after the other, so the gateway wrote them in this order.
    for case, flow in zip(CASES, flows, strict=True):
        changed += _write(case, flow, found[case.name], recordings)
    return changed


async def _exchange_all(folder: Path, flows: Path) -> Mapping[str, Expectation]:
    options = ("-w", str(flows), "--set", f"save_stream_filter={NOT_THE_RIGS_OWN}")
    async with (
        scenery() as scene,
        # Only the flow path has flows to write.
        world(
            folder, Authority(), api=scene.api, script=SCRIPT, options=options, TRAFFIC_PATH="flow", **SETTINGS
        ) as here,
    ):
        found = {}
        for case in CASES:
            answer = await _send(case, here)
            returned = Returned(answer.status, answer.fields, bytes(answer.body))
            found[case.name] = Expectation.of(scene.arrivals(case.name), returned)
        return found


async def _send(case: Case, here: World) -> Answer:
    if case.http2:
        async with here.connect_http2(case.authority) as over_http2:
            return await over_http2.ask(case.method, case.authority, case.target, *case.fields, body=case.body)
    async with here.connect() as client:
        if case.body and case.pieces:
            size = -(-len(case.body) // case.pieces)
            pieces = [case.body[start : start + size] for start in range(0, len(case.body), size)]
            return await client.upload(case.method, case.authority, case.target, pieces)
        return await client.ask(case.method, case.authority, case.target, *case.fields, body=case.body)


def _write(case: Case, flow: http.HTTPFlow, found: Expectation, recordings: Path) -> list[str]:
    assert flow.request.path == case.target, f"{case.name} was recorded as {flow.request.path}"
    if case.pieces:
        put_back(flow, case.body or b"")
    recording, expectation = recordings / f"{case.name}.mitm", recordings / f"{case.name}.json"
    changed = [recording.name] if keep(flow, recording) else []
    if not expectation.exists() or expectation.read_text() != found.page:
        expectation.write_text(found.page)
        changed.append(expectation.name)
    return changed


def _remove_others(recordings: Path) -> list[str]:
    """Remove what belongs to no case."""
    names = {case.name for case in CASES}
    others = [path for path in recordings.iterdir() if path.stem not in names]
    for path in others:
        path.unlink()
    return [path.name for path in others]


def main() -> int:
    """Record, and say what changed."""
    changed = asyncio.run(record())
    sys.stderr.write(f"changed: {', '.join(changed)}\n" if changed else "nothing changed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
