"""How is the source asked so that neither the one who waits nor the API comes to harm?

One inquiry is a few tries with pauses inside a total budget. All together they never hold more than `CALLS_AT_A_TIME`
calls open, and a source that is down is left alone by the breaker.
"""

import asyncio
from collections.abc import Callable, Iterator
from random import Random
from typing import assert_never

from mesh_gateway.resolve.breaker import Breaker, Pass
from mesh_gateway.resolve.observer import CallOutcome, ResolverEvent, ResolverObserver
from mesh_gateway.resolve.source import Answer, Found, NotFound, Source, SourceUnavailable

CALLS_AT_A_TIME = 64
_TRIES = 4
_SLOW_TRIES = 2
"""Failures that come at once are cheap to repeat. A source that hangs gets one more call, no more."""
_LONGEST_TRY = 2.0
_TRY_SHARE = 0.28
"""Of the budget: two slow tries and the pause between them end within three fifths of it."""
_FIRST_PAUSE = 0.1
_PROBE_NAME = "www"
"""Reserved by the contract, so nobody's: the API must answer that it does not know it."""


class Inquiry:
    """The mutable state is the breaker, the free slots, and whether the last call was answered."""

    def __init__(
        self,
        source: Source,
        budget: float,
        *,
        clock: Callable[[], float],
        random: Random,
        observer: ResolverObserver,
    ) -> None:
        self._source = source
        self._budget = budget
        self._clock = clock
        self._random = random
        self._observer = observer
        self._breaker = Breaker(random)
        self._slots = asyncio.Semaphore(CALLS_AT_A_TIME)
        self.answering = False
        """Whether the source answered the last call that was made."""

    @property
    def is_refused(self) -> bool:
        """Whether `ask` would fail at once."""
        return self._breaker.is_open(self._clock())

    async def ask(self, tenant: str) -> Answer:
        """What the source says of `tenant`; raises SourceUnavailable when tries or budget are used up."""
        deadline = asyncio.get_running_loop().time() + self._budget
        slow_tries = 0
        for pause in self._pauses():
            try:
                return await self._try(tenant, deadline)
            except SourceUnavailable as error:
                slow_tries += error.timed_out
                is_late = asyncio.get_running_loop().time() + pause >= deadline
                if is_late or slow_tries == _SLOW_TRIES or self.is_refused:
                    raise
            await asyncio.sleep(pause)
        return await self._try(tenant, deadline)

    async def probe(self) -> None:
        """Find out whether the source answers, with one call; `answering` tells."""
        try:
            await self._try(_PROBE_NAME, asyncio.get_running_loop().time() + self._budget)
        except SourceUnavailable:
            return

    def _pauses(self) -> Iterator[float]:
        """The pauses before the second and further tries: doubling, and spread so that callers do not march in step."""
        for doubled in range(_TRIES - 1):
            yield _FIRST_PAUSE * 2**doubled * self._random.uniform(0.5, 1.5)

    async def _try(self, tenant: str, deadline: float) -> Answer:
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
        except TimeoutError as error:
            raise SourceUnavailable("too many calls under way", timed_out=True) from error
        try:
            leave = self._breaker.enter(self._clock())
            if leave is None:
                raise SourceUnavailable("the breaker is open")
            return await self._call(tenant, deadline, leave)
        finally:
            self._slots.release()

    async def _call(self, tenant: str, deadline: float, leave: Pass) -> Answer:
        loop = asyncio.get_running_loop()
        started = loop.time()
        within = min(_LONGEST_TRY, self._budget * _TRY_SHARE, deadline - started)
        try:
            answer = await self._source.fetch(tenant, within)
        except SourceUnavailable as error:
            self.answering = False
            outcome = CallOutcome.TIMEOUT if error.timed_out else CallOutcome.ERROR
            self._observer.api_call(outcome, loop.time() - started)
            if self._breaker.fail(leave, tenant, self._clock()):
                self._observer.event(ResolverEvent.BREAKER_OPEN)
            raise
        finally:
            self._breaker.abandon(leave)
        self.answering = True
        self._breaker.succeed()
        self._observer.api_call(_outcome(answer), loop.time() - started)
        return answer


def _outcome(answer: Answer) -> CallOutcome:
    match answer:
        case Found(routes):
            return CallOutcome.FOUND if routes.routes else CallOutcome.OFFLINE
        case NotFound():
            return CallOutcome.UNKNOWN
        case _:
            assert_never(answer)
