"""What comes of the recordings when they go through the gateway once more?"""

import json
from collections.abc import Mapping
from pathlib import Path

from tests.replay.expectation import Expectation, Returned
from tests.replay.recording import FOLDER
from tests.replay.scenery import SETTINGS, scenery
from tests.rig.certificates import Authority
from tests.rig.gateway import SCRIPT, bad_signs
from tests.rig.patience import eventually
from tests.rig.world import world

REPLAY_WHEN_READY = Path(__file__).parent / "replay_when_ready.py"


async def replay(
    folder: Path, authority: Authority, *, recordings: Path = FOLDER, script: Path = SCRIPT
) -> Mapping[str, Expectation]:
    """All recordings through one gateway, `script`; by the recording's name."""
    heard = folder / "heard"
    heard.parent.mkdir(parents=True, exist_ok=True)
    heard.touch()
    count = len(list(recordings.glob("*.mitm")))  # noqa: ASYNC240 - a short list
    options = ("-s", str(REPLAY_WHEN_READY), "--set", f"replay_folder={recordings}", "--set", f"replay_heard={heard}")
    async with (
        scenery() as scene,
        world(folder, authority, api=scene.api, script=script, options=options, **SETTINGS) as here,
    ):
        await eventually(lambda: heard.read_text().count("\n") >= count, f"{count} replayed requests are answered")
        assert not bad_signs(here.gateway.log)
        answers = _answers(heard.read_text())
        return {name: Expectation.of(scene.arrivals(name), answer) for name, answer in answers.items()}


def _answers(text: str) -> dict[str, Returned]:
    """By recording; one answer for each, and none broken off."""
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line for line in lines if line["error"]] == []
    answers = {
        line["recording"]: Returned(line["status"], line["fields"], line["body"].encode("latin-1")) for line in lines
    }
    assert len(answers) == len(lines)
    return answers
