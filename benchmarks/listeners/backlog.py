"""A listener that does nothing but note when each event was handled; new under every name."""

import os

from benchmarks.ages import note
from event_system import Event, listener


@listener(">", name=os.environ["BENCH_LISTENER"], start="beginning")
async def noop(_event: Event) -> None:
    note(0)
