"""Listeners that fail, leave traces which survive `kill -9`, and die where the drill says.

`kill.plan` holds a step, a number and milliseconds: so long after the process has passed the step
that many times, it kills itself.
"""

from __future__ import annotations

import os
import signal
import threading
import zlib
from collections import Counter
from pathlib import Path

from event_system import Event, Transaction, listener
from event_system.events.retry import Retry

FAILURES = 2
STUBBORN = Retry(attempts=1000, base=0.005, factor=1)
ONCE = Retry(attempts=1)

_trace = os.open("trace.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_failures = os.open("failures.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_failed = Counter(Path("failures.log").read_text().splitlines())


class _Death:
    """The end of this process, if one is planned."""

    def __init__(self, plan: Path) -> None:
        words = plan.read_text().split() if plan.exists() else ["none", "0", "0"]
        self._step, self._left, self._seconds = words[0], int(words[1]), float(words[2]) / 1000

    def passes(self, step: str) -> None:
        if step == self._step:
            self._left -= 1
            if self._left == 0:
                self._come()

    def _come(self) -> None:
        if self._seconds:
            threading.Timer(self._seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
        else:
            os.kill(os.getpid(), signal.SIGKILL)


_death = _Death(Path("kill.plan"))


def _note(name: str, what: str, event: Event) -> None:
    os.write(_trace, f"{name} {what} {event.subject} {event.id}\n".encode())
    _death.passes(f"{name}-{what}")


def _fail(name: str, event: Event, one_in: int) -> None:
    """Raise twice for some events, whatever dies in between."""
    key = f"{name} {event.id}"
    if zlib.crc32(key.encode()) % one_in == 0 and _failed[key] < FAILURES:
        _failed[key] += 1
        os.write(_failures, f"{key}\n".encode())
        _death.passes(f"{name}-fail")
        raise ValueError(f"not yet: {event.id}")


def _handle(name: str, event: Event) -> None:
    _note(name, "begin", event)
    _fail(name, event, 9)
    _note(name, "end", event)


def _write(name: str, events: list[Event], tx: Transaction) -> None:
    for event in events:
        _note(name, "begin", event)
    tx.execute("CREATE TABLE IF NOT EXISTS ledger (id TEXT, subject TEXT)")
    tx.executemany("INSERT INTO ledger VALUES (?, ?)", [(e.id, e.subject) for e in events])
    _death.passes(f"{name}-written")
    for event in events:
        _fail(name, event, 100)
    _death.passes(f"{name}-end")


@listener("player.*", name="parks", start="beginning", retry=STUBBORN)
async def parks(event: Event) -> None:
    _handle("parks", event)


@listener("player.*", name="blocks", start="beginning", retry=STUBBORN, on_failure="block")
def blocks(event: Event) -> None:
    _handle("blocks", event)


@listener("player.*", name="buries", start="beginning", retry=ONCE)
async def buries(event: Event) -> None:
    _handle("buries", event)


@listener("player.*", name="ledger", batch=20, start="beginning", retry=STUBBORN)
async def ledger(events: list[Event], tx: Transaction) -> None:
    _write("ledger", events, tx)


@listener("player.*", name="graves", batch=20, start="beginning", retry=ONCE)
def graves(events: list[Event], tx: Transaction) -> None:
    _write("graves", events, tx)
