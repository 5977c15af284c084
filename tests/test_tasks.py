"""Is a background task kept alive, and is its failure heard of?"""

import asyncio
import gc
import logging

import pytest

from mesh_gateway.tasks import Tasks


async def forever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise OSError("the disk is full")


async def test_a_task_outlives_a_collection_that_would_eat_an_unowned_one() -> None:
    tasks, released, done = Tasks(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await released.wait()
        done.set()

    tasks.start(work(), name="work")
    await asyncio.sleep(0)
    gc.collect()
    released.set()
    await asyncio.wait_for(done.wait(), 1)


async def test_a_failure_is_logged_under_the_tasks_name_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    task = Tasks().start(fail(), name="refresh")
    await asyncio.wait([task])
    await asyncio.sleep(0)
    [record] = caplog.records
    assert record.getMessage() == "background task refresh failed"
    assert record.levelno == logging.ERROR
    assert record.exc_info
    assert isinstance(record.exc_info[1], OSError)


async def test_an_end_and_a_cancellation_are_no_failures(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks()
    ended = tasks.start(asyncio.sleep(0), name="short")
    cancelled = tasks.start(forever(), name="long")
    await ended
    await tasks.close()
    assert cancelled.cancelled()
    assert caplog.records == []


async def test_close_waits_for_what_a_task_does_on_its_way_out() -> None:
    tasks, said = Tasks(), list[str]()

    async def tidy() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0)
            said.append("tidied")

    tasks.start(tidy(), name="tidy")
    await asyncio.sleep(0)
    await tasks.close()
    assert said == ["tidied"]


async def test_close_takes_failures_on_the_way_out_quietly_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks()

    async def stumble() -> None:
        try:
            await forever()
        finally:
            raise OSError("the disk is full")

    tasks.start(stumble(), name="stumble")
    await asyncio.sleep(0)
    await tasks.close()
    assert [record.getMessage() for record in caplog.records] == ["background task stumble failed"]


async def test_cancel_leaves_the_owner_ready_for_new_work() -> None:
    tasks = Tasks()
    old = tasks.start(forever(), name="old")
    tasks.cancel()
    await asyncio.wait([old])
    assert await tasks.start(asyncio.sleep(0, "new"), name="new") == "new"
    await tasks.close()
