"""Do recorded requests still come through as they were recorded, on both paths? If that is to change: scripts/record."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.replay.cases import CASES
from tests.replay.expectation import Expectation, difference
from tests.replay.record import record
from tests.replay.recording import FOLDER
from tests.replay.replaying import replay
from tests.replay.resending import resend
from tests.rig.certificates import Authority
from tests.rig.gateway import ROOT

NAMES = sorted(path.stem for path in FOLDER.glob("*.mitm"))
LARGEST_RECORDING = 8192
WAYS = {"client replay, flow path": replay, "socket, fast path": resend}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=WAYS.values(), ids=WAYS)
async def replayed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Mapping[str, Expectation]:
    found: Mapping[str, Expectation] = await request.param(tmp_path_factory.mktemp("replay"), authority)
    return found


def expected(name: str) -> str:
    return (FOLDER / f"{name}.json").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_request_comes_through_as_it_did(name: str, replayed: Mapping[str, Expectation]) -> None:
    if found := difference(expected(name), replayed[name].page):
        pytest.fail(f"{name} differs from its recording\n{found}", pytrace=False)


def test_every_case_is_recorded_and_nothing_else() -> None:
    cases = {case.name for case in CASES}
    assert set(NAMES) == cases
    assert {path.stem for path in FOLDER.glob("*.json")} == cases


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_is_small_and_tells_nothing_of_the_machine_it_was_made_on(name: str) -> None:
    recorded = (FOLDER / f"{name}.mitm").read_bytes()
    assert len(recorded) <= LARGEST_RECORDING
    assert re.findall(rb"PRIVATE KEY|/(?:home|root|tmp)/|" + re.escape(str(ROOT).encode()), recorded) == []


async def test_recording_again_on_unchanged_code_changes_nothing(tmp_path: Path) -> None:
    again = tmp_path / "recordings"
    shutil.copytree(FOLDER, again)
    assert await record(again) == []


@dataclass(frozen=True, slots=True)
class Change:
    """One rule of routing/forwarding.py, changed, and how the replay must notice it: in which cases, by which lines."""

    old: str
    new: str
    shows: tuple[str, ...]
    cases: frozenset[str]


FORWARDED = frozenset(case.name for case in CASES) - {"unknown-tenant", "offline-tenant", "malformed-host", "apex"}
CHANGES = {
    "the client's address is no longer told to the upstream": Change(
        '            (b"X-Real-IP", client.address.encode()),\n',
        "",
        ('-        "X-Real-IP: 127.0.0.1",',),
        FORWARDED,
    ),
    "an upstream may say which way an answer came": Change(
        '{b"alt-svc", b"x-mesh-route", b"x-request-id"}',
        '{b"alt-svc", b"x-request-id"}',
        ('+      "X-Mesh-Route: forged",',),
        frozenset({"answer-fields"}),
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_a_changed_rule_makes_the_replay_fail(
    change: Change, way: str, tmp_path: Path, authority: Authority
) -> None:
    shutil.copytree(ROOT / "addons", tmp_path / "addons", ignore=shutil.ignore_patterns("__pycache__"))
    forwarding = tmp_path / "addons/mesh_gateway/routing/forwarding.py"
    code = forwarding.read_text()
    assert code.count(change.old) == 1
    forwarding.write_text(code.replace(change.old, change.new))

    found = await WAYS[way](tmp_path / "run", authority, script=tmp_path / "addons/gateway.py")

    noticed = {name: difference(expected(name), page.page) for name, page in found.items()}
    assert {name for name, text in noticed.items() if text} == change.cases
    for name in change.cases:
        assert _changed_lines(noticed[name]) == change.shows


def _changed_lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.splitlines()[2:] if line.startswith(("+", "-")))
