"""The event loop's own threads, which are the users': a process ends without those that hang."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Thread


class LoopThreads:
    """Where handlers' `asyncio.to_thread` goes; as many threads as the loop would have itself."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pool = ThreadPoolExecutor(thread_name_prefix="asyncio")
        loop.set_default_executor(self._pool)

    async def end(self, seconds: float) -> bool:
        """Whether all have ended within so many seconds. What waits for a thread is given up."""
        ended = asyncio.Event()
        Thread(target=self._join, args=(ended,), name="end of asyncio", daemon=True).start()
        try:
            async with asyncio.timeout(seconds):
                return await ended.wait()
        except TimeoutError:
            return False

    def _join(self, ended: asyncio.Event) -> None:
        self._pool.shutdown(cancel_futures=True)
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(ended.set)
