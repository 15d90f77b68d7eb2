"""Bad neighbours, and one good listener among them."""

from __future__ import annotations

import asyncio
import os
import time

from event_system import Event, listener

HANDLED = os.open("good.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@listener("player.*", name="good", start="beginning")
async def good(event: Event) -> None:
    os.write(HANDLED, f"{event.id}\n".encode())


@listener("player.*", name="raises", start="beginning")
async def raises(event: Event) -> None:
    raise ValueError(f"no {event.id}")


@listener("player.*", name="hangs", start="beginning", timeout=3600)
async def hangs(event: Event) -> None:
    await asyncio.Event().wait()


@listener("player.burn", name="burns-in-thread", start="beginning")
def burns_in_thread(event: Event) -> None:
    end = time.monotonic() + 1
    while time.monotonic() < end:
        pass


@listener("player.block", name="blocks-the-loop", start="beginning")
async def blocks_the_loop(event: Event) -> None:
    time.sleep(1)


@listener("player.level_up", name="greeter", mode="sync")
async def greeter(event: Event) -> str:
    return f"hello {event.subject}"


@listener("player.level_up", name="sync-raises", mode="sync", priority=9)
async def sync_raises(event: Event) -> None:
    raise KeyError("sync")
