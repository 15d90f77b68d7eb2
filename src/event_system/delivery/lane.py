"""One listener's place in one lane: its channel and its cursor."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterator
from typing import Any

from event_system.delivery.ports import Failure
from event_system.events.event import Event
from event_system.kernel.clock import Timer


class Lane:
    """Events read ahead of one listener, in order.

    `held`: this process has the lane; else another has it or nobody, and nothing happens here.
    `cursor`: the effect of all events of the lane up to there is complete. `seen`: all events
    of the lane up to there were put into the channel, or are none of this listener's.
    `behind`: live events are passed by, as the channel was full or the lane is not held; they are
    read from the log after `seen` once there is room. `busy`: a worker has it, it waits for one, or
    it waits until
    `due_us` (else 0), when its first event, which has failed, is tried again; `timer` tells.
    `worker` is the task that has it in hand. `failed` holds what is known to have failed above the
    cursor. `cell` is the lane's place on the board. `wary` is how many events are still handled
    with care, as one of them may have ended the node that had the lane before.
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
            "held",
            "number",
            "seen",
            "timer",
            "wary",
            "worker",
        ),
    )

    def __init__(self, number: int, cursor: int) -> None:
        self.number = number
        self.channel: deque[Event] = deque()
        self.cursor = cursor
        self.seen = cursor
        self.held = False
        self.behind = True
        self.busy = False
        self.failed: dict[int, Failure] = {}
        self.due_us = 0
        self.timer: Timer | None = None
        self.cell = 0
        self.wary = 0
        self.worker: asyncio.Task[Any] | None = None

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
        self.seen = self.channel[-1].offset if self.channel else self.cursor
        self.behind = True


def lag_of(lanes: Collection[Lane], routed: int, of: int) -> int:
    """Events of these lanes that are not handled yet, where all up to `routed` was shown.

    The listener has `of` lanes in all; for what is still in the log it is an upper bound.
    """
    unread = sum(max(routed - lane.seen, 0) for lane in lanes if lane.behind)
    return sum(len(lane.channel) for lane in lanes) + -(-unread // max(of, 1))
