import asyncio
import time

import pytest

from mesh_gateway.resolve.inquiry import CALLS_AT_A_TIME, Inquiry
from mesh_gateway.resolve.observer import CallOutcome
from mesh_gateway.resolve.source import Answer, NotFound, SourceUnavailable
from tests.resolve.stand_ins import Clock, Tally, dice


class Slow:
    """A source that takes its time whatever it is given."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.calls = 0

    async def fetch(self, tenant: str, within: float) -> Answer:  # noqa: ARG002 - that is its fault
        self.calls += 1
        await asyncio.sleep(self.seconds)
        return NotFound()

    async def close(self) -> None:
        pass


class Flaky(Slow):
    """A source that fails so many times and then answers."""

    def __init__(self, failures: int, *, timed_out: bool = False) -> None:
        super().__init__(0)
        self.failures = failures
        self.timed_out = timed_out

    async def fetch(self, tenant: str, within: float) -> Answer:
        if self.calls < self.failures:
            self.calls += 1
            raise SourceUnavailable("down", timed_out=self.timed_out)
        return await super().fetch(tenant, within)


def inquiry(source: Slow, budget: float = 5, tally: Tally | None = None) -> Inquiry:
    return Inquiry(source, budget, clock=Clock(), random=dice(), observer=tally or Tally())


async def test_who_finds_all_places_taken_waits_no_longer_than_the_budget() -> None:
    source = Slow(0.4)
    it = inquiry(source, budget=0.2)
    answers = await asyncio.gather(*(it.ask(f"t{i}") for i in range(CALLS_AT_A_TIME + 6)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, SourceUnavailable)]
    assert {error.reason for error in refused} == {"too many calls under way"}
    assert (len(refused), source.calls) == (6, CALLS_AT_A_TIME)


@pytest.mark.parametrize("failures", [1, 2, 3])
async def test_quick_failures_are_tried_again(failures: int) -> None:
    source, tally = Flaky(failures), Tally()
    it = inquiry(source, tally=tally)
    assert await it.ask("alice") == NotFound()
    assert (tally.calls[CallOutcome.ERROR], tally.calls[CallOutcome.UNKNOWN]) == (failures, 1)
    assert it.answering


async def test_four_failures_are_enough_and_soon_over() -> None:
    source, begun = Flaky(99), time.monotonic()
    with pytest.raises(SourceUnavailable, match="down"):
        await inquiry(source).ask("alice")
    assert source.calls == 4
    assert time.monotonic() - begun < 1.2


async def test_a_source_that_hangs_gets_two_calls() -> None:
    source = Flaky(99, timed_out=True)
    with pytest.raises(SourceUnavailable):
        await inquiry(source).ask("alice")
    assert source.calls == 2


async def test_pauses_differ_from_one_inquiry_to_the_next() -> None:
    it = inquiry(Slow(0))
    first, second = list(it._pauses()), list(it._pauses())
    assert first != second
    assert all(0.05 <= pause <= 0.6 for pause in first + second)


async def test_a_probe_tells_whether_the_source_answers() -> None:
    source = Flaky(1)
    it = inquiry(source)
    await it.probe()
    assert not it.answering
    await it.probe()
    assert it.answering
