"""A batch listener that does nothing, to be shown the past, and one that notes live events' ages."""

from benchmarks.ages import note
from event_system import Event, Transaction, listener


@listener(">", name="replayed", batch=1000)
async def replayed(events: list[Event], tx: Transaction) -> None:
    """Nothing."""


@listener("player.*", name="noop")
async def noop(event: Event) -> None:
    note(event.received_us)
