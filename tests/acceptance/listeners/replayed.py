"""Listeners that are shown the past, and die in the middle of it where `kill.plan` says so."""

from __future__ import annotations

import os
import random
import signal
from itertools import count
from pathlib import Path

from event_system import Event, Retry, Transaction, listener

_calls = count(1)
_plan = Path("kill.plan")
_die_at = int(_plan.read_text()) if _plan.exists() else 0


def _file(name: str) -> int:
    return os.open(f"{name}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)


_recorder, _parks = _file("recorder"), _file("parks")


def _perhaps_die() -> None:
    if next(_calls) == _die_at:
        os.kill(os.getpid(), signal.SIGKILL)


@listener("player.*", name="recorder", start="beginning")
async def recorder(event: Event) -> None:
    _perhaps_die()
    os.write(_recorder, f"{event.subject} {event.id}\n".encode())
    _perhaps_die()


@listener(
    "player.*", name="parks", start="beginning", retry=Retry(attempts=100, base=0.01, cap=0.05)
)
def parks(event: Event) -> None:
    if random.random() < 0.02:
        raise ValueError("not now")
    os.write(_parks, f"{event.subject} {event.id}\n".encode())


@listener("player.*", name="ledger", batch=50, start="beginning")
async def ledger(events: list[Event], tx: Transaction) -> None:
    tx.execute("CREATE TABLE IF NOT EXISTS ledger (id TEXT, subject TEXT)")
    tx.executemany("INSERT INTO ledger VALUES (?, ?)", [(e.id, e.subject) for e in events])
    _perhaps_die()
