"""A sync listener that takes its time, and others that wait until they may go on."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from event_system import Event, listener

_file = os.open("slow.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@listener("slow.*", name="slow", mode="sync", timeout=30)
async def slow(event: Event) -> None:
    await asyncio.sleep(0.3)


@listener("gate.*", name="gate", mode="sync", timeout=600)
async def gate(event: Event) -> None:
    while not Path("go").exists():
        await asyncio.sleep(0.02)


@listener("held.*", name="held", timeout=600)
async def held(event: Event) -> None:
    while not Path("go").exists():
        await asyncio.sleep(0.02)
    os.write(_file, f"{event.id}\n".encode())
