"""Laws of several workers: one port, one log, one page of metrics, and nothing lost when one of them goes (FAULTS 32, 33)."""

import asyncio
import contextlib
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from h2.errors import ErrorCodes

from tests.launch.service import Service, service
from tests.rig import behaviours
from tests.rig.answer import Answer
from tests.rig.certificates import Authority
from tests.rig.http1_client import ConnectionEndedError, Http1
from tests.rig.http2_client import Http2, StreamBrokenError
from tests.rig.patience import eventually
from tests.rig.ports import listens
from tests.rig.samples import Samples, total
from tests.rig.world import World

pytestmark = pytest.mark.chooses_its_way

FULL = os.environ.get("GATEWAY_TEST_FULL") == "1"
RESTARTS, REQUESTS = ({"fast": 10, "flow": 10}, 10_000) if FULL else ({"fast": 3, "flow": 1}, 1_500)
CLIENTS = 12
PAUSE_SECONDS = 0.01
"""Between two requests of a client: new workers need some of the processor, too."""
BACK_SECONDS = 2.0 if FULL else 15.0
"""How soon a killed worker is back: two seconds, on a machine with nothing else to do."""


def running(place: World) -> Service:
    assert isinstance(place.gateway, Service)
    return place.gateway


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    async with service(tmp_path_factory.mktemp("workers"), authority, DRAIN_TIMEOUT="10s") as here:
        await here.new_tenant("alice")
        yield here


async def served_by(place: World) -> Counter[str]:
    """Worker -> requests of tenants that it has served."""
    samples = await place.gateway.metrics()
    counts = Counter[str]()
    for (name, labels), value in samples.items():
        if name == "gateway_requests_total" and ("source", "agent") in labels:
            counts[dict(labels)["worker"]] += int(value)
    return counts


# Together.


async def test_both_serve_and_are_counted_on_one_page(place: World) -> None:
    before = sum((await served_by(place)).values())
    for _ in range(60):
        assert (await place.ask("GET", "alice.example.com")).status == 200
    counts = await served_by(place)
    assert set(counts) == {"0", "1"}
    assert all(count > 0 for count in counts.values())
    assert sum(counts.values()) - before == 60


async def test_https_is_served_by_both_in_both_versions_of_http(place: World) -> None:
    for _ in range(10):
        async with place.connect_tls("alice.example.com") as client:
            assert (await client.ask("GET", "alice.example.com")).status == 200
        async with place.connect_http2("alice.example.com") as client2:
            assert (await client2.ask("GET", "alice.example.com")).status == 200


async def test_whoever_is_asked_tells_of_all(place: World) -> None:
    pages = [await place.gateway.metrics() for _ in range(10)]
    assert {total(page, "gateway_worker_up") for page in pages} == {2}
    # The first ones may miss each other: a page is counted when it is out.
    assert {len(page) for page in pages[5:]} == {len(pages[-1])}


async def test_one_that_does_not_answer_is_left_out_and_told(place: World) -> None:
    stalled = max(running(place).workers())
    os.kill(stalled, signal.SIGSTOP)
    try:
        samples: Samples = {}
        while not samples:  # the stalled one's share of connections waits for it
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    samples = await place.gateway.metrics()
    finally:
        os.kill(stalled, signal.SIGCONT)
    assert total(samples, "gateway_worker_up") == 1
    assert len([name for name, _ in samples if name == "gateway_exchanges_in_flight"]) == 1


async def test_their_access_lines_do_not_mix(place: World) -> None:
    long = "/" + "x" * 2000
    before = len(place.gateway.access_log)
    await asyncio.gather(*(place.ask("GET", "alice.example.com", f"{long}{number}") for number in range(200)))
    await eventually(lambda: len(place.gateway.access_log) >= before + 200, "all lines")
    paths = [line["path"] for line in place.gateway.access_log[before:] if line["tenant"]]
    assert len(paths) == 200
    assert all(path.startswith(long) for path in paths)


# One goes.


async def test_a_killed_worker_takes_only_its_own_exchanges_with_it_and_is_soon_back(
    tmp_path: Path, authority: Authority
) -> None:
    async with service(tmp_path, authority) as here, contextlib.AsyncExitStack() as stack:
        slow, origin = await here.new_tenant("slow", behaviours.slow(1.5))
        clients = [await stack.enter_async_context(here.connect()) for _ in range(CLIENTS)]
        answers = asyncio.gather(*(client.ask("GET", slow) for client in clients), return_exceptions=True)
        await eventually(lambda: len(origin.arrivals) == CLIENTS, "all are on their way")
        samples = await here.gateway.metrics()
        before, loop = running(here).workers(), asyncio.get_running_loop()
        os.kill(min(before), signal.SIGKILL)
        killed = loop.time()
        await eventually(lambda: len(running(here).workers() - before) == 1, "a new worker")
        await running(here).all_ready(2)
        took = loop.time() - killed
        print(f"\nback after {took:.2f} s")  # noqa: T201 - what a full run reports
        assert took < BACK_SECONDS
        (number,) = re.findall(r"worker (\d) ended with status 137, starts again\n", here.gateway.log)
        own = total(samples, "gateway_connections_open", worker=number)
        outcomes = await answers
        lost = [outcome for outcome in outcomes if isinstance(outcome, ConnectionError)]
        assert len(lost) == own
        assert [outcome.status for outcome in outcomes if isinstance(outcome, Answer)] == [200] * int(CLIENTS - own)


async def test_one_that_is_ended_by_hand_finishes_and_comes_back(tmp_path: Path, authority: Authority) -> None:
    async with service(tmp_path, authority) as here:
        host, _ = await here.new_tenant("alice")
        before = running(here).workers()
        os.kill(min(before), signal.SIGTERM)
        await eventually(lambda: len(running(here).workers() - before) == 1, "a new worker")
        await running(here).all_ready(2)
        for _ in range(20):
            assert (await here.ask("GET", host)).status == 200


async def test_a_successor_without_a_certificate_does_not_take_over(tmp_path: Path, authority: Authority) -> None:
    """A broken renewal on disk must not take https away from those who have it (FAULTS 28)."""
    async with service(tmp_path, authority, workers=1) as here:
        host, _ = await here.new_tenant("alice")
        chain = next((tmp_path / "certificates").rglob("fullchain.pem"))
        sound = chain.read_bytes()
        chain.write_bytes(b"junk")
        os.kill(here.gateway.pid, signal.SIGHUP)
        await eventually(lambda: "opens fewer ports" in here.gateway.log, "the successor is refused", 30)
        async with here.connect_tls(host) as client:
            assert (await client.ask("GET", host)).status == 200
        chain.write_bytes(sound)
        assert isinstance(here.gateway, Service)
        await here.gateway.replaced()
        async with here.connect_tls(host) as client:
            assert (await client.ask("GET", host)).status == 200


async def test_at_the_end_all_finish_what_runs(tmp_path: Path, authority: Authority) -> None:
    async with service(tmp_path, authority, DRAIN_TIMEOUT="10s") as here, contextlib.AsyncExitStack() as stack:
        slow, origin = await here.new_tenant("slow", behaviours.slow(1))
        clients = [await stack.enter_async_context(here.connect()) for _ in range(CLIENTS)]
        answers = asyncio.gather(*(client.ask("GET", slow) for client in clients))
        await eventually(lambda: len(origin.arrivals) == CLIENTS, "all are on their way")
        here.gateway.terminate()
        await eventually(lambda: not listens(here.gateway.port), "nobody listens")
        assert [answer.status for answer in await answers] == [200] * CLIENTS
        assert await here.gateway.exited(5) == 0
        assert len([line for line in here.gateway.access_log if line["tenant"]]) == CLIENTS
        assert list(here.gateway.folder.glob("mesh-router-gateway-*")) == []


# All are replaced.

UNTOUCHED = ("GOAWAY 0", f"RST_STREAM {ErrorCodes.REFUSED_STREAM}", f"RST_STREAM {int(ErrorCodes.REFUSED_STREAM)}")


@dataclass(slots=True)
class Load:
    """Clients that ask one thing after the other, as HTTP clients do."""

    port: int
    host: str
    statuses: Counter[int] = field(default_factory=Counter)
    retries: int = 0
    """Requests sent again, because a kept connection was closed without a byte of an answer (RFC 9112 9.3.1)."""
    untouched: int = 0
    """Requests over HTTP/2 that the gateway said it had not begun: another connection takes them (RFC 9113 8.7)."""
    lost: list[str] = field(default_factory=list)
    is_over: bool = False

    async def keep_asking(self, method: str, *, keep: bool) -> None:
        """Over one connection as long as it lasts, or over one for each request."""
        while not self.is_over:
            async with Http1.connect(self.port) as client:
                is_used = False
                while not self.is_over and await self._ask(client, method, keep=keep, is_used=is_used):
                    is_used = True
                    await asyncio.sleep(PAUSE_SECONDS)
            await asyncio.sleep(PAUSE_SECONDS)

    async def keep_asking_over_http2(self, connect: Callable[[], AbstractAsyncContextManager[Http2]]) -> None:
        """Several at a time, over one connection until that takes no more."""
        while not self.is_over:
            async with connect() as client:
                while not self.is_over and not client.ended:
                    await asyncio.gather(*(self._ask_over_http2(client) for _ in range(3)))
                    await asyncio.sleep(PAUSE_SECONDS)

    async def _ask_over_http2(self, client: Http2) -> None:
        try:
            answer = await client.ask("GET", self.host, body=b"0123456789")
        except StreamBrokenError as error:
            if str(error) in UNTOUCHED:
                self.untouched += 1
            else:
                self.lost.append(repr(error))
        else:
            self.statuses[answer.status] += 1

    async def _ask(self, client: Http1, method: str, *, keep: bool, is_used: bool) -> bool:
        """One request; whether the connection takes another."""
        fields = () if keep else (("Connection", "close"),)
        try:
            answer = await client.ask(method, self.host, "/", *fields, body=b"0123456789" if method == "POST" else None)
        except ConnectionError as error:
            if is_used and method == "GET" and isinstance(error, ConnectionEndedError | ConnectionResetError):
                self.retries += 1
            else:
                self.lost.append(repr(error))
            return False
        self.statuses[answer.status] += 1
        if not answer.whole:
            self.lost.append("half an answer")
        return keep and "close" not in answer.all("connection")


@pytest.mark.parametrize("path", ["fast", "flow"])
async def test_rolling_restarts_under_load_lose_no_request(tmp_path: Path, authority: Authority, path: str) -> None:
    async with service(tmp_path, authority, DRAIN_TIMEOUT="10s", TRAFFIC_PATH=path) as here:
        host, origin = await here.new_tenant("alice")
        load = Load(here.gateway.port, host)
        kinds = [("GET", True), ("POST", True), ("GET", False), ("POST", False)] * (CLIENTS // 4)
        asking = asyncio.gather(
            *(load.keep_asking(method, keep=keep) for method, keep in kinds),
            *(load.keep_asking_over_http2(lambda: here.connect_http2(host)) for _ in range(2)),
        )
        try:
            before = running(here).workers()
            for _ in range(RESTARTS[path]):
                await running(here).replaced()
            await eventually(lambda: not before & running(here).workers(), "the first workers are gone")
            async with asyncio.timeout(60):
                while sum(load.statuses.values()) < REQUESTS:  # noqa: ASYNC110 - counted by many tasks
                    await asyncio.sleep(0.05)
        finally:
            load.is_over = True
            await asking
        print(f"\n{path}: {RESTARTS[path]} restarts, {load}")  # noqa: T201 - what a full run reports
        assert load.lost == []
        assert set(load.statuses) == {200}
        assert (load.retries, load.untouched) == (0, 0)
        assert len(origin.arrivals) == load.statuses[200], "each was carried out once"
