"""Listeners that fail for good: one is tried again much later, one is dead at once, one kills."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from event_system import Event, listener
from event_system.events.retry import Retry


@listener("test.wait", name="waits", start="beginning", retry=Retry(base=600.0))
async def waits(event: Event) -> None:
    raise ValueError("not now")


@listener("test.die", name="dies", start="beginning", retry=Retry(attempts=1))
async def dies(event: Event) -> None:
    raise ValueError("never")


@listener("test.kill", name="kills", start="beginning")
async def kills(event: Event) -> None:
    if not Path("killed").exists():
        Path("killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
