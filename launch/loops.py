"""Which event loop does a worker run on? uvloop where it works with this Python, else asyncio's own.

uvloop 0.23 fails with eager tasks, which mitmproxy wants, on some releases of Python 3.13: it passes `eager_start`,
and their eager task factory does not take it. So each way is tried before it is chosen.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from mitmproxy.utils import asyncio_utils


@dataclass(frozen=True, slots=True)
class EventLoop:
    """A way to run mitmproxy."""

    name: str
    factory: Callable[[], asyncio.AbstractEventLoop]
    eagerness: Callable[[], AbstractContextManager[None]]
    """What stands for mitmproxy's `set_eager_task_factory`."""


def choose_loop() -> EventLoop:
    """The first that works."""
    return next(loop for loop in candidates() if works(loop))


def candidates() -> Iterator[EventLoop]:
    """uvloop as mitmproxy would use it, uvloop without eager tasks, asyncio."""
    try:
        import uvloop  # noqa: PLC0415 - where it cannot be had, or not be loaded, there is another
    except ImportError:
        pass
    else:
        yield EventLoop("uvloop", uvloop.new_event_loop, asyncio_utils.set_eager_task_factory)
        yield EventLoop("uvloop without eager tasks", uvloop.new_event_loop, nullcontext)
    yield EventLoop("asyncio", asyncio.new_event_loop, asyncio_utils.set_eager_task_factory)


def works(loop: EventLoop) -> bool:
    """Whether tasks start on it as mitmproxy and the gateway start them."""
    with asyncio.Runner(loop_factory=loop.factory) as runner:
        return runner.run(_try_out(loop.eagerness))


async def _try_out(eagerness: Callable[[], AbstractContextManager[None]]) -> bool:
    work = asyncio.sleep(0, result=True)
    with eagerness():
        try:
            return await asyncio.get_running_loop().create_task(work, name="try")
        except TypeError:  # from the task factory
            work.close()
            return False
