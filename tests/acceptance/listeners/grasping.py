"""A listener that takes all threads of the event loop and gives none back; and one that counts."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from event_system import Event, Transaction, listener

_never = threading.Event()


@listener("threads.take", name="grasping", timeout=3600)
async def grasping(event: Event) -> None:
    taken = asyncio.gather(*(asyncio.to_thread(_never.wait) for _ in range(64)))
    await asyncio.sleep(0)  # now they are
    Path("taken").touch()
    await taken


@listener("player.*", name="ledger", batch=50)
async def ledger(events: list[Event], tx: Transaction) -> None:
    tx.execute("CREATE TABLE IF NOT EXISTS ledger (id TEXT)")
    tx.executemany("INSERT INTO ledger VALUES (?)", [(event.id,) for event in events])
