from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from event_system.kernel.threads import in_own_thread, in_thread
from tests.support.waiting import PATIENCE_SECONDS

TRACE = contextvars.ContextVar("TRACE", default="")


async def test_work_is_done_while_others_hold_the_threads_of_the_loop() -> None:
    free, loop = threading.Event(), asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as others:
        held = loop.run_in_executor(others, free.wait)
        loop.set_default_executor(others)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert await in_thread(int, "ff", base=16) == 255
        finally:
            free.set()
        await held


async def test_work_sees_the_context_of_its_caller_and_changes_none_of_it() -> None:
    def work() -> str:
        seen = TRACE.get()
        TRACE.set("another")
        return seen

    TRACE.set("caller")

    assert (await in_thread(work), TRACE.get()) == ("caller", "caller")


async def test_an_error_is_the_callers() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        await in_thread(int, "x")


async def test_what_waits_in_threads_of_its_own_leaves_all_others_free() -> None:
    free = threading.Event()
    waiting = [in_own_thread(free.wait, "waits") for _ in range(64)]
    try:
        assert await in_thread(threading.current_thread) is not threading.main_thread()
    finally:
        free.set()

    assert await asyncio.gather(*waiting) == [True] * 64
