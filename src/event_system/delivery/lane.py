"""One listener's place in one lane: its channel and its cursor."""

from __future__ import annotations

from collections import deque

from event_system.events.event import Event


class Lane:
    """Events read ahead of one listener, in order.

    `cursor`: the effect of all events of the lane up to there is complete. `seen`: all events
    of the lane up to there were put into the channel, or are none of this listener's.
    `behind`: the channel was full, so live events are passed by; they are read from the log
    after `seen` once there is room. `busy`: a worker has it, or it waits for one.
    """

    __slots__ = ("behind", "busy", "channel", "cursor", "number", "seen")

    def __init__(self, number: int, cursor: int) -> None:
        self.number = number
        self.channel: deque[Event] = deque()
        self.cursor = cursor
        self.seen = cursor
        self.behind = False
        self.busy = False

    @property
    def idle(self) -> bool:
        """Nothing is left to do: the listener's effects are complete up to what was routed."""
        return not (self.behind or self.busy or self.channel)
