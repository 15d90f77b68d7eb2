"""A listener that takes every thread of the event loop, until a file is there."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from event_system import Event, listener

THREADS = 64
"""More than a loop has."""


def wait() -> None:
    while not Path("free").exists():
        time.sleep(0.01)


@listener("hold", name="holder", timeout=300)
async def hold(event: Event) -> None:
    waiting = [asyncio.get_running_loop().run_in_executor(None, wait) for _ in range(THREADS)]
    Path("held").touch()
    await asyncio.gather(*waiting)
