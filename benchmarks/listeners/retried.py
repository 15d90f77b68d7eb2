"""An async listener that notes when it handled each event."""

from benchmarks.ages import note
from event_system import Event, listener


@listener("player.*", name="noop")
async def noop(event: Event) -> None:
    note(0)
