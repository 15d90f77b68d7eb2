"""Listeners for worker processes. What they do is seen in a file: some end their process."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from pathlib import Path

from event_system import Event, listener
from event_system.events.retry import Retry

THRICE = Retry(attempts=3, base=0.05, factor=1)
ONCE = Retry(attempts=1)
STUBBORN = Retry(attempts=100, base=0.01, factor=1)
QUICK_SECONDS = 5
"""What a call of `quick` may take."""

_file = os.open(Path("heavy.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_seen = 0

while Path("slow").exists():
    time.sleep(0.05)


def _note(what: str, event: Event) -> None:
    os.write(_file, f"{what} {event.subject} {event.id} {os.getpid()}\n".encode())


@listener("heavy.note", name="notes", process=True)
def notes(event: Event) -> None:
    _note("threaded", event)


@listener("heavy.note", name="notes-too", process=True)
async def notes_too(event: Event) -> None:
    global _seen  # noqa: PLW0603 - what a process keeps is what is tested
    _seen += 1
    await asyncio.sleep(0)
    _note(f"awaited-{_seen}", event)


@listener("heavy.note", name="at-home")
async def at_home(event: Event) -> None:
    _note("home", event)


@listener("heavy.die", name="dies", process=True, retry=THRICE)
def dies(event: Event) -> None:
    _note("begun", event)
    time.sleep(0.1)
    if event.data == "exit":
        os._exit(3)
    if event.data:
        os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(0.1)
    _note("survived", event)


@listener("heavy.once", name="dies-once", process=True, retry=Retry(base=600.0))
def dies_once(event: Event) -> None:
    if not Path("died").exists():
        Path("died").touch()
        os._exit(1)
    _note("once", event)


@listener("heavy.drill", name="ordered", process=True, retry=STUBBORN, on_failure="block")
def ordered(event: Event) -> None:
    time.sleep(0.005)
    _note("ordered", event)


@listener("heavy.hang", name="hangs", process=True, timeout=2, retry=ONCE)
def hangs(event: Event) -> None:
    _note("hangs", event)
    threading.Event().wait()


@listener("heavy.quick", name="quick", process=True, timeout=QUICK_SECONDS, retry=ONCE)
def quick(event: Event) -> None:
    _note("quick", event)


@listener("heavy.outlast", name="outlasts", process=True, timeout=QUICK_SECONDS, retry=ONCE)
async def outlasts(event: Event) -> None:
    """Given up later than any call of `quick` that was to be made before."""
    await asyncio.Event().wait()


@listener("heavy.wait", name="waits", process=True, timeout=2, retry=ONCE)
async def waits(event: Event) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        _note("cancelled", event)


@listener("heavy.raise", name="raises", process=True, retry=ONCE)
def raises(event: Event) -> None:
    raise KeyError(f"none of {event.data}")


@listener("heavy.log", name="logs", process=True)
def logs(event: Event) -> None:
    log = logging.getLogger("heavy")
    log.warning("so warm", extra={"context": {"id": event.id}})
    log.debug("so cold")


@listener("heavy.nap", name="naps", process=True)
def naps(event: Event) -> None:
    _note("naps", event)
    time.sleep(0.7)
    _note("slept", event)


@listener("heavy.hold", name="holds", process=True)
def holds(event: Event) -> None:
    """The first time it lets no other thread of its process run, until somebody ends that."""
    held = Path("held").exists()
    Path("held").touch()
    _note("let-go" if held else "holds", event)
    if not held:
        sum(range(10**15))
