"""Which node was given which event: for tests of several dispatchers."""

from __future__ import annotations

import asyncio

from event_system.delivery.share import Share, share_of
from event_system.events.event import Event
from event_system.events.listener import Handler, Listener
from tests.support.sharing import Crew


class Journal:
    """Which node was given which event, in this order; the nodes' handlers may be held up."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int]] = []
        self.ended: list[tuple[str, int]] = []
        self.gates: dict[str, asyncio.Event] = {}

    def handler(self, node: str) -> Handler:
        async def handle(event: Event) -> None:
            self.begun.append((node, event.offset))
            await (self.gates[node].wait() if node in self.gates else asyncio.sleep(0))
            self.ended.append((node, event.offset))

        return handle

    @property
    def offsets(self) -> list[int]:
        return [offset for _, offset in self.ended]


def listener(handler: Handler, **options: object) -> Listener:
    chosen = {"name": "x", "patterns": (">",), "start": "beginning", **options}
    return Listener(handler=handler, **chosen)  # type: ignore[arg-type]


def lanes(*numbers: int) -> Share:
    return share_of(["x"], numbers)


def lane_of(crew: Crew, offset: int) -> int:
    return crew.log.rows[offset - 1][4]
