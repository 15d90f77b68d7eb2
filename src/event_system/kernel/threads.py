"""Threads for what the node itself must not do on the event loop.

The loop's own threads (`asyncio.to_thread`) are left to users' handlers, which may hold all of
them: then the node would stand still.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

THREADS: Final = 32

P = ParamSpec("P")
T = TypeVar("T")

_POOL: Final = ThreadPoolExecutor(THREADS, "event-system")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns or raises, called in one of 32 threads, in the caller's context.

    A caller that is cancelled does not end it. It must not run anything of a user, nor wait for
    other work that is called so: what waits for long has threads of its own.
    """
    call = partial(contextvars.copy_context().run, work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_POOL, call)


def in_own_thread(work: Callable[[], T], name: str) -> asyncio.Future[T]:
    """What `work` returns or raises, called at once in a thread of its own: it may wait for long."""
    thread = ThreadPoolExecutor(1, name)
    try:
        return asyncio.get_running_loop().run_in_executor(thread, work)
    finally:
        thread.shutdown(wait=False)
