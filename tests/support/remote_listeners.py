"""Listeners for worker processes of an embedded node. Each event says which file they write."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from event_system import Event, Listener, listener


@listener("remote.write", name="writes", process=True)
async def writes(event: Event) -> None:
    Path(event.data["file"]).write_text(f"{os.getpid()} {event.subject}")


def _write_other(event: Event) -> None:
    Path(event.data["other"]).write_text(str(os.getpid()))


others = Listener(name="others", patterns=("remote.write",), handler=_write_other, process=True)


@listener("remote.die", name="dies", process=True)
def dies(event: Event) -> None:
    """Begins, and waits for the file `go`. Then data `kill` ends the process, others take a while."""
    folder = Path(event.data["folder"])
    (folder / f"begun-{event.id}").touch()
    while not (folder / "go").exists():
        time.sleep(0.01)
    if event.data["kill"]:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.15)
