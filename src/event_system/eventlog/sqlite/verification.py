"""The embedded log as a verification reads and mends it; the caller holds the directory's lock."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from event_system.consistency.kinds import (
    FILTER_WRONG,
    INDEX_DAMAGED,
    INDEX_FOREIGN,
    INDEX_MISSING,
    INDEX_RUNS,
    LOG_FLOOR,
    WAITING_DELIVERED,
    Finding,
    Kind,
)
from event_system.consistency.ports import Bounds, Moved, Named, Part, Shadow, StoredRow, Waiting
from event_system.eventlog.readable import found_schedule
from event_system.eventlog.sqlite.filters import FilterFiles
from event_system.eventlog.sqlite.index import RUN_EVENTS, build_again
from event_system.eventlog.sqlite.log import LOST_LOG
from event_system.eventlog.sqlite.schema import COLUMNS, EVENTS_FILE, connect_events
from event_system.eventlog.sqlite.shadows import FilterShadow, IndexShadow
from event_system.kernel.errors import DamagedFileError
from event_system.sqlite.files import guarding, read_only

PART_EVENTS: Final = 4096
PART_BYTES: Final = 16_777_216

_ROW = ", ".join(COLUMNS)
_PLAIN_ROW = ", ".join(COLUMNS[:-1])
_PART = f"""
SELECT offset, {_ROW} FROM events WHERE offset > ? AND offset <= ? ORDER BY offset
"""  # noqa: S608 - our own names
_NEXT = "SELECT min(offset) FROM events WHERE offset > ?"
_PLACES = """
SELECT offset, lane, type FROM events WHERE offset IN (SELECT value FROM json_each(?))
"""
_WAITING = f"""
SELECT number, due_us, {_PLAIN_ROW} FROM scheduled WHERE number > ? ORDER BY number LIMIT ?
"""  # noqa: S608 - our own names
_OF_KEY = f"SELECT number, due_us, {_PLAIN_ROW} FROM scheduled WHERE id_key = ?"  # noqa: S608 - our own names
_SCHEDULES = "SELECT name, definition, last_offset FROM schedules ORDER BY name"
_DROP_WAITING = "DELETE FROM scheduled WHERE number = ?"
_OF_INDEX: Final = (INDEX_DAMAGED, INDEX_FOREIGN, INDEX_MISSING, INDEX_RUNS)


class SqliteLogStore:
    """Implements `consistency.ports.LogStore`. Raises `DamagedFileError`."""

    def __init__(self, directory: Path, *, run_events: int = RUN_EVENTS) -> None:
        self._directory = directory
        self._path = directory / EVENTS_FILE
        self._run_events = run_events
        self._rebuilding = False
        with guarding(self._path, LOST_LOG):
            self._log = read_only(self._path)
            facts: dict[str, int] = dict(self._log.execute("SELECT name, value FROM facts"))
            head = int(self._log.execute("SELECT coalesce(max(offset), 0) FROM events").get)
        if not facts.get("lanes"):
            raise DamagedFileError(
                f"{self._path}: it has no lanes. {LOST_LOG}", where=str(self._path)
            )
        self.identity = int(facts.get("identity", 0))
        self._bounds = Bounds(int(facts.get("floor", 0)), head, int(facts["lanes"]))

    def close(self) -> None:
        self._log.close()

    def bounds(self, reached: int = 0) -> Bounds:
        return self._bounds

    def part(self, after: int, through: int) -> Part:
        rows: list[StoredRow] = []
        size = 0
        with guarding(self._path, LOST_LOG):
            try:
                for row in self._log.execute(_PART, (after, through)):
                    rows.append(row)
                    size += len(row[-1]) if isinstance(row[-1], bytes) else 0
                    if len(rows) == PART_EVENTS or size >= PART_BYTES:
                        return Part(rows, rows[-1][0])
            except UnicodeDecodeError as error:
                last = rows[-1][0] if rows else after
                return Part(rows, int(self._log.execute(_NEXT, (last,)).get), str(error))
        return Part(rows, through)

    def shadows(self, first: int, last: int) -> Sequence[Shadow]:
        files = FilterFiles(self._directory, self.identity)
        run_events = self._run_events
        return (
            IndexShadow(self._directory, self._bounds, first, last, run_events=run_events),
            FilterShadow(files, last, run_events=run_events),
        )

    def places(self, offsets: Sequence[int]) -> Mapping[int, tuple[int, str]]:
        with guarding(self._path, LOST_LOG):
            rows = self._log.execute(_PLACES, (json.dumps(offsets),))
            return {offset: (lane, type_) for offset, lane, type_ in rows}

    def waiting(self) -> Iterator[Sequence[Waiting]]:
        number = -1
        while part := self._some_waiting(_WAITING, (number, PART_EVENTS)):
            yield part
            number = part[-1].number

    def waiting_for(self, id_key: int) -> Sequence[Waiting]:
        return self._some_waiting(_OF_KEY, (id_key,))

    def _some_waiting(self, sql: str, values: tuple[Any, ...]) -> Sequence[Waiting]:
        with guarding(self._path, LOST_LOG):
            rows = self._log.execute(sql, values)
            return [Waiting(number, due_us, tuple(row)) for number, due_us, *row in rows]

    def schedules(self) -> Iterable[Named]:
        with guarding(self._path, LOST_LOG):
            rows: list[tuple[Any, ...]] = self._log.execute(_SCHEDULES).fetchall()
        return [found_schedule(*row) for row in rows]

    def faults(self) -> Iterable[Finding]:
        floor, head, _ = self._bounds
        if floor > head:
            yield Finding(LOG_FLOOR, f"the floor is {floor}, the log ends at {head}")

    def mend(self, kind: Kind, keys: Sequence[Any]) -> None:
        """The index is built again once nothing reads it any more: with `finish`."""
        if kind in _OF_INDEX:
            self._rebuilding = True
        elif kind is FILTER_WRONG:
            for path in keys:
                path.unlink(missing_ok=True)
        elif kind is WAITING_DELIVERED:
            with closing(connect_events(self._directory)) as log, log:
                log.executemany(_DROP_WAITING, [(number,) for number in keys])

    def finish(self, moved: Moved) -> None:
        floor, head, _ = self._bounds
        if self._rebuilding:
            build_again(
                self._directory,
                head=head,
                floor=floor,
                run_events=self._run_events,
                on_run=lambda _first, last, _run: moved(last, head, last),
            )
