"""Tasks that are to end, and futures that are to be told."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_SECONDS = 0.2


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it has ended, whatever it ends with.

    More than once where need be: before Python 3.12 `asyncio.wait_for`, which drivers use, loses a
    cancellation that comes together with what it waits for.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=AGAIN_SECONDS)


def settle(future: asyncio.Future[Any], outcome: Any) -> None:
    """Tell a future what came of something: a result, or an error that its waiter is to see.

    Nothing where the waiter was cancelled: what it asked for is done all the same.
    """
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
