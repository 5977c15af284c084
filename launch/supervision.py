"""Who keeps the workers running, and takes them down when asked? Signals in; restarts, and replacements one by one.

A small supervisor of its own and not a kept one (supervisord, circus, s6): none of them hands a worker's sockets to its
successor, waits until that is ready and only then ends the first, and the image would need one more program.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum, auto, unique
from typing import assert_never

from launch.place import Place
from launch.yard import Yard


@unique
class Order(Enum):
    """What a signal asks for."""

    END = auto()
    RENEW = auto()
    """Replace the workers one by one, so that nobody is refused or cut off."""
    PASS_ON = auto()


# A closed terminal (SIGHUP) ends what was started in it; a service has none, there it means "read again".
AT_A_TERMINAL: Mapping[signal.Signals, Order] = {
    signal.SIGTERM: Order.END,
    signal.SIGINT: Order.END,
    signal.SIGHUP: Order.END,
}
AS_A_SERVICE: Mapping[signal.Signals, Order] = {**AT_A_TERMINAL, signal.SIGHUP: Order.RENEW}
# mitmweb's page has a port that two cannot share: there is no successor beside it.
AS_MITMWEB: Mapping[signal.Signals, Order] = {**AT_A_TERMINAL, signal.SIGHUP: Order.PASS_ON}


def say(line: str) -> None:
    """One line for the operator; standard output belongs to the access log."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def report(line: str) -> None:
    """One line of the log, with the time of day as the workers' lines have it, which are mitmproxy's (mitmproxy.log)."""
    now = datetime.now().astimezone()
    say(f"[{now:%H:%M:%S}.{now.microsecond // 1000:03}] {line}")


class Supervisor:
    """All places. Its own state is what it was asked for."""

    def __init__(self, places: Sequence[Place], yard: Yard, look_now: Callable[[], None] = lambda: None) -> None:
        """`look_now` wakes what runs beside the workers."""
        self._look_now = look_now
        self._places = places
        self._yard = yard
        self._is_ending = False
        self._renewals = 0
        """How often the workers are to be replaced, the time that is under way included."""

    async def run(self) -> int:
        """Until all have ended for good; the exit status for the shell."""
        places = [self._yard.tasks.start(place.run(), name="place") for place in self._places]
        try:
            await asyncio.wait(places, return_when=asyncio.FIRST_COMPLETED)
            if not self._is_ending:  # one cannot start: the others would only hide it
                self.heed(signal.SIGTERM, Order.END)
            statuses: list[int] = await asyncio.gather(*places)
            return max(statuses)
        finally:
            await self._yard.tasks.close()

    def heed(self, number: signal.Signals, order: Order) -> None:
        """Carry out what a signal asks for."""
        match order:
            case Order.END:
                self._is_ending = True
                for place in self._places:
                    place.end(number)
            case Order.PASS_ON:
                self._look_now()
                for place in self._places:
                    place.send(number)
            case Order.RENEW:
                self._look_now()
                # Asked for again while it is under way: once more afterwards, however often.
                self._renewals = min(self._renewals + 1, 2)
                if self._renewals == 1:
                    self._yard.tasks.start(self._renew(), name="renewal")
            case _:
                assert_never(order)

    async def _renew(self) -> None:
        while self._renewals:
            self._yard.report("the workers are being replaced")
            for place in self._places:
                if not await place.renew():
                    self._yard.report("not all workers were replaced")
                    break
            else:
                self._yard.report("all workers were replaced")
            self._renewals -= 1


async def supervise(supervisor: Supervisor, orders: Mapping[signal.Signals, Order]) -> int:
    """Run the supervisor under the signals of this process."""
    loop = asyncio.get_running_loop()
    for number, order in orders.items():
        loop.add_signal_handler(number, supervisor.heed, number, order)
    try:
        return await supervisor.run()
    finally:
        for number in orders:
            loop.remove_signal_handler(number)
