"""The law of what is forwarded: nothing that another strict reader would not read in what was sent (HAZARDS B).

300 generated connections; 20,000 with GATEWAY_TEST_FULL=1.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, event, given, settings

from tests.parity.mutations import wires
from tests.parity.oracle import Judgement, is_nothing_new, judge
from tests.parity.strict_origin import StrictOrigin
from tests.rig.api import route
from tests.rig.certificates import Authority
from tests.rig.patience import PATIENCE_SECONDS
from tests.rig.ports import LOOPBACK
from tests.rig.world import World, world

EXAMPLES = 20_000 if os.environ.get("GATEWAY_TEST_FULL") else 300
PATHS = tuple(os.environ.get("GATEWAY_TEST_PARITY", "flow fast").split())
GRACE_SECONDS = 0.03
"""How long more may come where no more has to."""
PASSING_SECONDS = 0.005
BARRIER = b"/barrier"
"""The target of a request that is none of an example's."""
_FINAL = re.compile(rb"HTTP/1\.1 ([2-9]\d\d) ")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a client saw: the statuses of the answers, and whether it waited in vain for one."""

    answers: tuple[int, ...]
    is_silent: bool


@dataclass(frozen=True, slots=True)
class Side:
    """One path, and what is behind it."""

    path: str
    world: World
    origin: StrictOrigin


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sides(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[tuple[Side, ...]]:
    async with AsyncExitStack() as ending:
        begun = []
        for path in PATHS:
            origin = await ending.enter_async_context(StrictOrigin())
            folder = tmp_path_factory.mktemp(f"generated-{path}")
            here = await ending.enter_async_context(
                world(folder, authority, TRAFFIC_PATH=path, HEALTH_CHECK_INTERVAL="0", CACHE_TTL="1h")
            )
            for tenant in ("alice", "bob"):
                here.tenant(tenant, route(origin.port), ttl=36_000)
                await here.ask("GET", f"{tenant}.example.com")
            begun.append(Side(path, here, origin))
        yield tuple(begun)


@pytest.mark.asyncio(loop_scope="session")
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(pieces=wires())
async def test_nothing_is_forwarded_that_h11_does_not_read(sides: tuple[Side, ...], pieces: tuple[bytes, ...]) -> None:
    judgement = judge(b"".join(pieces))
    outcomes = await asyncio.gather(*(_send(side, pieces, judgement) for side in sides))
    event(f"{judgement.whole} whole, answers {list(outcomes[-1].answers)}")
    flaws = [
        f"{side.path}: {flaw}"
        for side, outcome in zip(sides, outcomes, strict=True)
        for flaw in _flaws(side.origin, outcome, judgement)
    ]
    assert not flaws, "\n".join(flaws)


def _flaws(origin: StrictOrigin, outcome: Outcome, judgement: Judgement) -> Iterator[str]:
    """What is wrong with what came of the connection."""
    yield from (f"h11 does not read what arrived: {complaint}" for complaint in origin.complaints)
    arrived = [read for read in origin.all if read.target != BARRIER]
    if not is_nothing_new(arrived, judgement):
        yield f"arrived: {arrived}; h11 reads: {judgement}"
    if len(outcome.answers) > judgement.whole + 1:
        yield f"more answers than requests and one refusal: {outcome} to {judgement}"
    if outcome.is_silent:
        yield f"a whole request is neither answered nor refused: {outcome} to {judgement}"


async def _send(side: Side, pieces: Sequence[bytes], judgement: Judgement) -> Outcome:
    """What comes of a connection that carries those pieces."""
    side.origin.forget()
    reader, writer = await asyncio.open_connection(LOOPBACK, side.world.gateway.port)
    received = bytearray()
    is_silent = False
    try:
        with suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            is_silent = not await _read(reader, received, judgement.whole, PATIENCE_SECONDS)
            if judgement.left:
                await _read(reader, received, judgement.whole + 1, GRACE_SECONDS)
    finally:
        writer.transport.abort()
    answers = tuple(int(status) for status in _FINAL.findall(received))
    if judgement.left or len(answers) != judgement.whole:
        await _let_pass(side)
    return Outcome(answers, is_silent)


async def _let_pass(side: Side) -> None:
    """What was cut off has passed the gateway when a request behind it has, and the origin when that has read for a while."""
    await side.world.ask("GET", "alice.example.com", BARRIER.decode())
    await asyncio.sleep(PASSING_SECONDS)


async def _read(reader: asyncio.StreamReader, received: bytearray, answers: int, seconds: float) -> bool:
    """Until there are so many answers, or the end; False when the time is up before."""
    try:
        async with asyncio.timeout(seconds):
            while len(_FINAL.findall(received)) < answers and (piece := await reader.read(1 << 16)):
                received += piece
    except TimeoutError:
        return False
    return True
