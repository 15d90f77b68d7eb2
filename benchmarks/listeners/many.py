"""The listener of `ages.py` among a thousand on other types."""

from benchmarks.listeners.ages import noop
from event_system import Event, listener

__all__ = ["noop"]


async def never(event: Event) -> None:
    raise AssertionError(f"{event.type} is none of this listener's types")


for number in range(1000):
    listener(f"other.type-{number}", name=f"other-{number}")(never)
