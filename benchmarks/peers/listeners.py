"""Our side: one async listener."""

from benchmarks.peers.ages import note
from event_system import Event, listener


@listener("player.*", name="ages", start="beginning")
async def ages(event: Event) -> None:
    note(event.received_us)
