"""How is a case measured? All proxies are up; in each round each has its turn, one at a time."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from bench.cases import TENANTS, Case
from bench.idle import idle_connections
from bench.loads import Commanded, Idle, Load, Multiplexed, Opened, RoundTrips, Scattered, command
from bench.readings import Reading, ReadingError, read_ab, read_h2load, read_wrk
from bench.results import Footprint, Gap, Sample
from bench.round_trips import round_trips
from bench.server import Server, ServerError
from bench.visits import visit

Measured = Sample | Footprint | Gap

_FILLING: Final = -1
"""The turn before the first round."""
_WARM_UP_SECONDS = 1
"""Once for each proxy: from round to round it keeps running."""
_SLOWEST_VISITS = 100
"""A second: who is slower is given up."""
_REASON_LENGTH = 200
_MORE_SECONDS = 60.0
"""What a load generator may take on top of its time: opening connections, and a last answer that is slow."""
_FRESH_TENANTS = count(10 * TENANTS, 10 * TENANTS)
"""Where the next run of cold tenants begins: no run asks for those of another."""


@dataclass(frozen=True, slots=True)
class Stand:
    """One proxy, up and running for one case."""

    proxy: str
    server: Server


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, and how long each time."""

    rounds: int
    seconds: int
    """wrk and ab know no fractions."""


async def measure(case: Case, stands: Iterable[Stand], pace: Pace) -> AsyncIterator[Measured]:
    """What is measured, as it comes. A proxy that fails has a gap, and no further turn."""
    failed: set[str] = set()
    for turn in _turns(case.load, pace.rounds):
        for stand in stands:
            if stand.proxy not in failed:
                measured = await _attempt(case, stand, turn, pace.seconds)
                yield measured
                if isinstance(measured, Gap):
                    failed.add(stand.proxy)


def _turns(load: Load, rounds: int) -> range:
    match load:
        case Idle():
            return range(1)
        case Scattered():
            return range(_FILLING, rounds)
        case _:
            return range(rounds)


async def _attempt(case: Case, stand: Stand, turn: int, seconds: int) -> Measured:
    try:
        match case.load:
            case Idle(connections=connections):
                return await _idle(case, stand, connections)
            case Scattered(tenants=tenants) if turn == _FILLING:
                return await _fill(case, stand, tenants)
            case load:
                return await _sample(case.key, load, stand, turn, seconds)
    except (ReadingError, ServerError, OSError, EOFError, TimeoutError) as error:
        return Gap(case.key, stand.proxy, one_line(error))


def one_line(error: Exception) -> str:
    """Its reason, short enough for the page."""
    return " ".join(str(error).split())[:_REASON_LENGTH] or type(error).__name__


async def _sample(case: str, load: Load, stand: Stand, turn: int, seconds: int) -> Sample:
    if turn == 0:
        await _run(load, stand.server, _WARM_UP_SECONDS)
    before = stand.server.usage()
    reading = await _run(load, stand.server, seconds)
    after = stand.server.usage()
    stand.server.check()
    return Sample(case, stand.proxy, turn, reading, after.cpu_seconds - before.cpu_seconds, after.memory_bytes)


async def _idle(case: Case, stand: Stand, connections: int) -> Footprint:
    before = stand.server.usage().memory_bytes
    async with idle_connections(stand.server.door.port, connections):
        after = stand.server.usage().memory_bytes
    return Footprint(case.key, stand.proxy, connections, before, after)


async def _fill(case: Case, stand: Stand, tenants: int) -> Footprint:
    before = stand.server.usage().memory_bytes
    await visit(stand.server.door.port, tenants, tenants / _SLOWEST_VISITS)
    return Footprint(case.key, stand.proxy, tenants, before, stand.server.usage().memory_bytes)


async def _run(load: Load, server: Server, seconds: int) -> Reading:
    if isinstance(load, Idle):
        raise TypeError("idle connections have no rate")
    if isinstance(load, RoundTrips):
        return await round_trips(server.door.port, load.connections, seconds)
    log = server.launch.folder / "timings"
    log.unlink(missing_ok=True)  # h2load writes on at its end
    words = command(load, server.door, seconds, log, first=next(_FRESH_TENANTS))
    return _read(load, await _output(words, seconds + _MORE_SECONDS), log)


def _read(load: Commanded, output: str, log: Path) -> Reading:
    match load:
        case Multiplexed():
            return read_h2load(output, _text(log))
        case Opened(tls=True):
            return read_ab(output, _text(log))
        case _:
            return read_wrk(output)


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8") if log.exists() else ""


async def _output(words: list[str], patience_seconds: float) -> str:
    process = await asyncio.create_subprocess_exec(*words, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    try:
        async with asyncio.timeout(patience_seconds):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise ReadingError(f"{words[0]} failed ({process.returncode}): {output.decode(errors='replace')[-500:]}")
    return output.decode(errors="replace")
