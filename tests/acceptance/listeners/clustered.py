"""A listener of a node among others: what it handled, when, by a clock that all of them share."""

from __future__ import annotations

import os
import time
from pathlib import Path

from event_system import Event, Transaction, listener

_file = os.open(Path("handled.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@listener("player.*", name="recorder", start="beginning")
async def recorder(event: Event) -> None:
    os.write(_file, f"{time.monotonic_ns()} {event.subject} {event.offset} {event.id}\n".encode())


@listener("player.*", name="ledger", batch=50, start="beginning")
async def ledger(events: list[Event], tx: Transaction) -> None:
    tx.execute("CREATE TABLE IF NOT EXISTS ledger (id VARCHAR(64), subject VARCHAR(64))")
    tx.executemany("INSERT INTO ledger VALUES (?, ?)", [(e.id, e.subject) for e in events])
