"""Is the event loop that is chosen one that works with this Python?"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from launch.loops import EventLoop, candidates, choose_loop, works


@contextmanager
def unfit() -> Iterator[None]:
    """A task factory that does not take what the loop passes, as on Python 3.13.0 with uvloop."""

    def refuse(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **_: Any) -> asyncio.Task[Any]:
        raise TypeError("unexpected keyword argument")

    loop = asyncio.get_running_loop()
    loop.set_task_factory(refuse)
    yield
    loop.set_task_factory(None)


def test_one_that_is_chosen_works_and_asyncio_is_the_last_resort() -> None:
    names = [loop.name for loop in candidates()]
    assert names == ["uvloop", "uvloop without eager tasks", "asyncio"]
    assert works(list(candidates())[-1])
    assert choose_loop().name in names


def test_what_does_not_take_tasks_is_found_out() -> None:
    assert not works(EventLoop("unfit", asyncio.new_event_loop, unfit))
