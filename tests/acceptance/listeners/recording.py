"""Listeners that leave traces which survive `kill -9`."""

from __future__ import annotations

import os
from pathlib import Path

from event_system import Event, Transaction, listener

_file = os.open(Path("handled.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)


@listener("player.*", name="recorder", start="beginning")
async def recorder(event: Event) -> None:
    os.write(_file, f"{event.subject} {event.id}\n".encode())


@listener("player.*", name="threaded", start="beginning")
def threaded(event: Event) -> None:
    os.write(_file, f"thread-{event.subject} {event.id}\n".encode())


@listener("player.*", name="ledger", batch=50, start="beginning")
async def ledger(events: list[Event], tx: Transaction) -> None:
    tx.execute("CREATE TABLE IF NOT EXISTS ledger (id TEXT, subject TEXT)")
    tx.executemany("INSERT INTO ledger VALUES (?, ?)", [(e.id, e.subject) for e in events])
