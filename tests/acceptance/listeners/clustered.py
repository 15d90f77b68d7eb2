"""Listeners of a node among others: what was handled, when, by a clock that all of them share."""

from __future__ import annotations

import os
import time
from pathlib import Path

from event_system import Event, Transaction, listener
from event_system.events.retry import Retry

_file = os.open(Path("handled.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@listener("player.*", name="recorder", start="beginning")
async def recorder(event: Event) -> None:
    os.write(_file, f"{time.monotonic_ns()} {event.subject} {event.offset} {event.id}\n".encode())


@listener("player.*", name="ledger", batch=50, start="beginning")
async def ledger(events: list[Event], tx: Transaction) -> None:
    tx.executemany("INSERT INTO ledger VALUES (?, ?)", [(e.id, e.subject) for e in events])


@listener("player.*", name="fragile", start="beginning", retry=Retry(attempts=2, base=0.1, cap=0.1))
async def fragile(event: Event) -> None:
    if event.data == "poison":
        os._exit(9)
