"""One listener's place in one lane: its channel and its cursor."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from event_system.delivery.ports import Failure
from event_system.events.event import Event
from event_system.kernel.clock import Timer


class Lane:
    """Events read ahead of one listener, in order.

    `cursor`: the effect of all events of the lane up to there is complete. `seen`: all events
    of the lane up to there were put into the channel, or are none of this listener's.
    `behind`: the channel was full, so live events are passed by; they are read from the log
    after `seen` once there is room. `busy`: a worker has it, it waits for one, or it waits until
    `due_us` (else 0), when its first event, which has failed, is tried again; `timer` tells.
    `failed` holds what is known to have failed above the cursor. `cell` is the lane's place on
    the board.
    """

    __slots__ = (
        *(
            "behind",
            "busy",
            "cell",
            "channel",
            "cursor",
            "due_us",
            "failed",
            "number",
            "seen",
            "timer",
        ),
    )

    def __init__(self, number: int, cursor: int) -> None:
        self.number = number
        self.channel: deque[Event] = deque()
        self.cursor = cursor
        self.seen = cursor
        self.behind = False
        self.busy = False
        self.failed: dict[int, Failure] = {}
        self.due_us = 0
        self.timer: Timer | None = None
        self.cell = 0

    def complete(self, routed: int) -> int:
        """The offset up to which all effects are complete, where all up to `routed` was shown."""
        return max(self.cursor, routed) if self.idle else self.cursor

    @property
    def idle(self) -> bool:
        """Nothing is left to do: the listener's effects are complete up to what was routed."""
        return not (self.behind or self.busy or self.channel)

    def cut(self, number: int) -> Iterator[Event]:
        """Keep only the first few events; the others, which are to be read again, come out."""
        while len(self.channel) > number:
            yield self.channel.pop()
        self.seen = self.channel[-1].offset
        self.behind = True
