"""Replays in `state.db`: few and small rows, each its replay as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apsw

from event_system.database.sqlite.listeners import Run
from event_system.delivery.replays.replay import KEPT, Replay, from_bytes, numbered, to_bytes
from event_system.sqlite.transactions import transaction

REPLAYS_DDL = """
CREATE TABLE IF NOT EXISTS replays (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    listener TEXT NOT NULL,
    running INTEGER NOT NULL,
    content BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS replays_of ON replays (listener, id);
"""
_ADD = "INSERT INTO replays (listener, running, content) VALUES (?, ?, ?) RETURNING id"
_PUT = "UPDATE replays SET running = ?, content = ? WHERE id = ? AND running"
_OF = "SELECT content, id FROM replays WHERE listener = ? ORDER BY id DESC"
_UNFINISHED = "SELECT content, id FROM replays WHERE running ORDER BY id"
_PRUNE = """
DELETE FROM replays WHERE id IN (
    SELECT id FROM replays WHERE listener = ? AND NOT running ORDER BY id DESC LIMIT -1 OFFSET ?
)
"""


class ReplayTable:
    """Implements `delivery.ports.ReplayStore`."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def unfinished(self) -> list[Replay]:
        return await self._run(lambda c: _replays(c.execute(_UNFINISHED)))

    async def of(self, listener: str) -> list[Replay]:
        return await self._run(lambda c: _replays(c.execute(_OF, (listener,))))

    async def add(self, replay: Replay) -> Replay:
        def add(connection: apsw.Connection) -> int:
            with transaction(connection):
                connection.execute(_PRUNE, (replay.listener, KEPT - 1))
                return int(connection.execute(_ADD, (replay.listener, *_content(replay))).get)

        return numbered(replay, await self._run(add))

    async def put(self, replay: Replay) -> None:
        await self._run(lambda connection: save_replays(connection, [replay]))


def save_replays(connection: apsw.Connection, replays: Iterable[Replay]) -> None:
    """Keep what has become of known replays. One that has ended stays as it ended."""
    connection.executemany(_PUT, [(*_content(replay), replay.id) for replay in replays])


def _content(replay: Replay) -> tuple[bool, bytes]:
    return replay.state == "running", to_bytes(replay)


def _replays(rows: Iterable[Any]) -> list[Replay]:
    return [numbered(from_bytes(content), id_) for content, id_ in rows]
