"""An async listener that notes how long after its due time each fired event is handled."""

from benchmarks.ages import note
from event_system import Event, listener


@listener("player.*", name="noop", start="beginning")
async def noop(event: Event) -> None:
    note(event.time_us)
