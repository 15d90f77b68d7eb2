"""Listeners whose process does not survive some events: those whose id begins with `poison`."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

from event_system import Event, Transaction, listener
from event_system.events.retry import Retry

THRICE = Retry(attempts=3, base=0.05)

_begun = os.open(Path("begun.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_handled = os.open(Path("handled.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def _swallow(event: Event) -> None:
    os.write(_begun, f"{event.id}\n".encode())
    if event.id.startswith("poison"):
        os.kill(os.getpid(), signal.SIGKILL)
    os.write(_handled, f"{event.id}\n".encode())


@listener("test.park", name="park", start="beginning", retry=THRICE)
async def park(event: Event) -> None:
    _swallow(event)


@listener("test.block", name="block", start="beginning", retry=THRICE, on_failure="block")
def block(event: Event) -> None:
    _swallow(event)


_together = asyncio.Event()


@listener("test.beside", name="beside", start="beginning", retry=Retry(attempts=2, base=0.05))
async def beside(event: Event) -> None:
    """The poison ends the process while another event is in hand, if it is ever beside one."""
    if event.id.startswith("poison"):
        with suppress(TimeoutError):
            await asyncio.wait_for(_together.wait(), 0.3)
    else:
        _together.set()
        await asyncio.sleep(0.3)
    _swallow(event)


@listener("test.batch", name="batch", batch=10, start="beginning", retry=THRICE)
async def batch(events: list[Event], tx: Transaction) -> None:
    for event in events:
        _swallow(event)


@listener("test.sync", name="sync", mode="sync")
async def sync(event: Event) -> None:
    _swallow(event)


@listener("test.past", name="past", retry=THRICE)
async def past(event: Event) -> None:
    _swallow(event)


@listener("test.past", name="past-batch", batch=10, retry=THRICE)
async def past_batch(events: list[Event], tx: Transaction) -> None:
    for event in events:
        _swallow(event)
