"""An async listener that does nothing but note the age of each event."""

from benchmarks.ages import note
from event_system import Event, listener


@listener("player.*", name="noop", start="beginning")
async def noop(event: Event) -> None:
    note(event.received_us)
