"""A listener that tells what its process has loaded."""

from __future__ import annotations

import sys

from event_system import Event, listener


@listener("process.loaded", name="loaded", mode="sync")
async def loaded(event: Event) -> list[str]:
    return sorted(sys.modules)
