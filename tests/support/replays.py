"""Listeners that are shown the past, and what a test asks of a replay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw

from event_system.database.sqlite.batches import file_name
from event_system.delivery.replays.replay import ReplayStatus
from event_system.events.event import Event
from event_system.events.listener import Listener
from event_system.events.ports import Transaction
from tests.support.delivery import Bench
from tests.support.memory_log import MemoryLog
from tests.support.waiting import until


class Seen:
    """A handler, single or batch, that remembers offsets, and fails where it is told to."""

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.bad: set[int] = set()

    async def one(self, event: Event) -> None:
        self.offsets.append(event.offset)
        if event.offset in self.bad:
            raise ValueError(f"no {event.offset}")

    async def many(self, events: list[Event], tx: Transaction) -> None:
        tx.execute("CREATE TABLE IF NOT EXISTS seen (offset INTEGER)")
        tx.executemany("INSERT INTO seen VALUES (?)", [(event.offset,) for event in events])
        for event in events:
            await self.one(event)


def single(handler: Any, **options: Any) -> Listener:
    defaults: dict[str, Any] = {"name": "x", "patterns": (">",), "start": "beginning"}
    return Listener(handler=handler, **{**defaults, **options})


def batched(handler: Any, **options: Any) -> Listener:
    return single(handler, **{"name": "board", "batch": 10, **options})


def written(directory: Path) -> list[int]:
    """What the batch listener has committed."""
    path = directory / "listeners" / file_name("board")
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    return [offset for (offset,) in connection.execute("SELECT offset FROM seen ORDER BY rowid")]


async def ended(bench: Bench, replay: ReplayStatus) -> ReplayStatus:
    """The replay, once it has ended and that is saved."""
    await until(lambda: replay.listener not in bench.dispatcher.replays.by_listener)
    return await bench.replays.get(replay.listener, replay.id)


def in_order(offsets: list[int], log: MemoryLog) -> bool:
    """Whether the events of each subject come in their order."""
    by_subject: dict[object, list[int]] = {}
    for offset in offsets:
        by_subject.setdefault(log.rows[offset - 1][8], []).append(offset)
    return all(found == sorted(found) for found in by_subject.values())


async def quiet(bench: Bench, name: str = "x") -> None:
    """Wait until live delivery has nothing to do."""
    live = bench.dispatcher.subscriptions[name]
    await until(lambda: all(lane.idle for lane in live.lanes.values()))
