"""Two dispatchers or more over one log and one state, as nodes of a cluster have them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from event_system.database.board import CELLS, MappedBoard
from event_system.database.sqlite.state import StateDatabase
from event_system.delivery.ports import Cursor, Failure, Progress
from event_system.delivery.replays.replay import Replay
from event_system.delivery.share import NOTHING, Share
from event_system.events.listener import Listener
from event_system.events.ports import Commit
from tests.support.delivery import Bench
from tests.support.memory_log import MemoryLog


class Marks:
    """Who saved which cursor as caught up, and how far each of them had shown the log."""

    def __init__(self) -> None:
        self.routed: dict[str, int] = {}
        self.caught_up: dict[tuple[str, int], str] = {}


class SharedState(StateDatabase):
    """State that several nodes write: a cursor that caught up did so with its node."""

    def __init__(self, directory: Path, node: str, marks: Marks) -> None:
        super().__init__(directory)
        self._node = node
        self._marks = marks

    async def save(
        self,
        routed: int,
        cursors: Sequence[Cursor],
        failures: Sequence[Failure],
        done: Sequence[tuple[str, int]] = (),
        replays: Sequence[Replay] = (),
    ) -> None:
        await super().save(0, cursors, failures, done, replays)
        self._marks.routed[self._node] = routed
        for cursor in cursors:
            self._marks.caught_up.pop((cursor.listener, cursor.lane), None)
            if cursor.caught_up:
                self._marks.caught_up[cursor.listener, cursor.lane] = self._node

    async def load(self) -> Progress:
        progress = await super().load()
        marks = self._marks
        exact = {
            key: Cursor(
                *key, max(cursor.offset, marks.routed.get(marks.caught_up.get(key, ""), 0)), False
            )
            for key, cursor in progress.cursors.items()
        }
        return Progress(0, progress.starts, exact)


class SharedBoard(MappedBoard):
    """A board whose shown places all nodes see; `shows` is how often one was."""

    def __init__(self, directory: Path, wall: dict[str, int]) -> None:
        super().__init__(directory)
        self.shows = 0
        self._wall = wall
        self._keys: Sequence[str] = ()

    def lay(self, keys: Sequence[str]) -> list[int]:
        self._keys = keys
        return super().lay(keys)

    async def show(self, place: int, offset: int) -> None:
        self.shows += 1
        self._wall[self._keys[place // CELLS]] = offset

    async def shown(self, keys: Collection[str]) -> dict[str, int]:
        return {key: self._wall[key] for key in keys if self._wall.get(key)}

    async def forget(self, keys: Collection[str]) -> None:
        for key in keys:
            del self._wall[key]


class Crew:
    """Benches `a`, `b` and so on over one log; they hold nothing until they take it."""

    def __init__(
        self, directory: Path, listeners: Callable[[str], Iterable[Listener]], names: str = "ab"
    ) -> None:
        self.log = MemoryLog()
        self._directory = directory
        self._listeners = listeners
        self._marks = Marks()
        self._wall: dict[str, int] = {}
        self.boards: dict[str, SharedBoard] = {}
        self.benches: dict[str, Bench] = {}
        for name in names:
            (directory / name).mkdir()
            self.benches[name] = self._bench(name)

    def _bench(self, name: str) -> Bench:
        store = SharedState(self._directory, name, self._marks)
        self.boards[name] = board = SharedBoard(self._directory / name, self._wall)
        return Bench(self._directory / name, self.log, self._listeners(name), store, board)

    async def back(self, name: str, left: Share) -> Bench:
        """One that has given everything up starts once more, with what its board said then."""
        bench = self.benches[f"{name}, back"] = self._bench(name)
        await bench.dispatcher.start(NOTHING, left)
        return bench

    def __getitem__(self, name: str) -> Bench:
        return self.benches[name]

    @property
    def everything(self) -> Share:
        return next(iter(self.benches.values())).dispatcher.everything

    def _route(self, commit: Commit) -> None:
        for bench in self.benches.values():
            bench.dispatcher.route(commit)

    async def move(self, share: Share, from_: str, to: str, grace_seconds: float = 5.0) -> None:
        """Let one give up a share, and another take it."""
        await self[from_].dispatcher.sharing.release(share, grace_seconds)
        await self[to].dispatcher.sharing.take(share)

    async def __aenter__(self) -> Crew:
        for bench in self.benches.values():
            await bench.dispatcher.start(NOTHING, NOTHING)
        self.log.on_commit = self._route
        return self

    async def __aexit__(self, *_: object) -> None:
        self.log.on_commit = lambda commit: None
        await asyncio.gather(*(b.dispatcher.stop(1.0) for b in self.benches.values()))
        for bench in self.benches.values():
            bench.watch.close()
            await bench.store.close()
