"""A whole run: the ground is laid once, and every case has its proxies started anew."""

import asyncio
import resource
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cases import Case
from bench.ground import Ground, ground
from bench.loads import Idle
from bench.measurement import Measured, Pace, Stand, measure, one_line
from bench.places import free_ports
from bench.proxies import Proxy, launch
from bench.results import Footprint, Gap, Results, Sample
from bench.server import ServerError, serving

DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured, beside what, and how thoroughly."""

    cases: Sequence[Case]
    proxies: Sequence[Proxy]
    pace: Pace


async def run(plan: Plan, folder: Path, machine: Mapping[str, str]) -> Results:
    """Measure everything in `plan`; all files go into `folder`."""
    _raise_file_limit()
    samples: list[Sample] = []
    footprints: list[Footprint] = []
    gaps: list[Gap] = []
    async with ground(folder, free_ports()) as base:
        for case in plan.cases:
            async for measured in _case(case, plan, base, folder / case.key):
                say(_line(measured))
                match measured:
                    case Sample():
                        samples.append(measured)
                    case Footprint():
                        footprints.append(measured)
                    case Gap():
                        gaps.append(measured)
    return Results(machine, samples, footprints, gaps)


async def _case(case: Case, plan: Plan, base: Ground, folder: Path) -> AsyncIterator[Measured]:
    proxies = [proxy for proxy in plan.proxies if fits(case, proxy)]
    launches = [launch(proxy, base, folder / proxy.key, echo=case.wants_echo) for proxy in proxies]
    async with serving(launches) as servers:
        stands: list[Stand] = []
        faults = await asyncio.gather(*(server.become_ready() for server in servers), return_exceptions=True)
        for proxy, server, fault in zip(proxies, servers, faults, strict=True):
            if isinstance(fault, ServerError):
                yield Gap(case.key, proxy.key, one_line(fault))
            else:
                stands.append(Stand(proxy.key, server))
        if has_direct(case):
            stands.insert(0, Stand(DIRECT, base.direct(echo=case.wants_echo)))
        async for measured in measure(case, stands, plan.pace):
            yield measured
    shutil.rmtree(folder, ignore_errors=True)  # access logs grow fast


def fits(case: Case, proxy: Proxy) -> bool:
    """Whether the proxy can do what the case asks for."""
    return proxy.key not in case.without and (proxy.looks_up or not case.wants_routes)


def has_direct(case: Case) -> bool:
    """Whether the load can go to the upstream with nothing before it: it has neither TLS nor tenants."""
    return not (case.wants_tls or case.wants_routes or isinstance(case.load, Idle))


def say(line: str) -> None:
    """Progress; standard output is for the tables."""
    sys.stderr.write(f"{line}\n")


def _line(measured: Measured) -> str:
    name = f"{measured.case:10} {measured.proxy:10}"
    match measured:
        case Sample(reading=reading):
            return f"{name} {reading.rate:10.1f}/s {measured.rate_per_cpu:10.1f}/cpu-s p99 {reading.p99_ms:.2f} ms"
        case Footprint():
            return f"{name} {measured.bytes_each:10.0f} bytes each of {measured.count}"
        case Gap(reason=reason):
            return f"{name} not measured: {reason}"


def _raise_file_limit() -> None:
    """Thousands of connections are two descriptors each in a proxy; children inherit the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
