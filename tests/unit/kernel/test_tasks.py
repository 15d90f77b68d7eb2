"""A task that is to end does, also where a library loses the first cancellation."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from event_system.kernel.tasks import end
from tests.support.waiting import PATIENCE_SECONDS


async def test_a_cancellation_that_was_swallowed_comes_again() -> None:
    swallowed = 0

    async def deaf() -> None:
        nonlocal swallowed
        while swallowed < 2:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            swallowed += 1
        await asyncio.Event().wait()

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)

    await asyncio.wait_for(end(task), PATIENCE_SECONDS)

    assert swallowed == 2
    assert task.cancelled()


async def test_a_task_that_has_ended_is_left_alone() -> None:
    async def fail() -> None:
        raise ValueError

    task = asyncio.create_task(fail())
    await asyncio.wait([task])

    await end(task)

    assert isinstance(task.exception(), ValueError)
