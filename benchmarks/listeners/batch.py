"""A batch listener that does nothing; its cursor is committed with every batch."""

from event_system import Event, Transaction, listener


@listener("player.*", name="noop", batch=1000, start="beginning")
async def noop(events: list[Event], tx: Transaction) -> None:
    """Nothing."""
