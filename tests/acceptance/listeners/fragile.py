"""A module that cannot be loaded while there is a file called `broken`."""

from __future__ import annotations

from pathlib import Path

from event_system import Event, listener

if Path("broken").exists():
    raise RuntimeError("not today")


@listener("heavy.fragile", name="fragile", process=True)
def fragile(event: Event) -> None:
    Path("handled").write_text(event.id)
