"""The state's files as a verification reads and mends them; the caller holds the directory's lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import apsw

from event_system.consistency.kinds import (
    CURSOR_AHEAD,
    CURSOR_LANE,
    CURSOR_UNKNOWN,
    FAILURE_COUNTS,
    FAILURE_DIFFERS,
    FAILURE_EVENT,
    FAILURE_STATE,
    FAILURE_TIME,
    FILE_DAMAGED,
    FILE_FOREIGN,
    FILE_STRAY,
    REPLAY_UNREADABLE,
    Finding,
    Kind,
)
from event_system.consistency.ports import CountKey, Failed, Named, Position, ReplayFound
from event_system.database.readable import found_replay, found_type
from event_system.database.sqlite.batches import file_name
from event_system.database.sqlite.catalogue import CATALOGUE_FILE, LOST_CATALOGUE
from event_system.database.sqlite.state import (
    LOST_LISTENER,
    LOST_STATE,
    STATE_FILE,
    connect_state,
)
from event_system.kernel.errors import DamagedFileError, DataDirectoryError
from event_system.sqlite.files import check_small, guarding, read_only
from event_system.sqlite.transactions import transaction

PART: Final = 1_000
_FAILURES = """
SELECT id, listener, offset, lane, type, state, at_us FROM {t} WHERE id > ? ORDER BY id LIMIT ?
"""
_CURSORS = """
SELECT listener, lane, CASE WHEN caught_up THEN max(offset, (SELECT max(routed) FROM progress))
ELSE offset END FROM cursors
"""
_RECOUNT = """
DELETE FROM {t}_counts;
INSERT INTO {t}_counts SELECT listener, state, count(*) FROM {t} GROUP BY listener, state;
"""
_OF_ONE = " WHERE listener = ? AND offset = ?"
_MOVE_BACK: Final = (
    "UPDATE cursors SET offset = ?1 WHERE offset > ?1",
    "UPDATE progress SET routed = ?1 WHERE routed > ?1",
    "UPDATE listeners SET start = ?1 WHERE start > ?1",
)
_MOVE_BATCH_BACK: Final = (
    "UPDATE event_system_cursor SET offset = ?1 WHERE offset > ?1",
    "UPDATE event_system_replay SET offset = ?1 WHERE offset > ?1",
)


class SqliteStateStore:
    """Implements `consistency.ports.StateStore`. Nothing else has the files open.

    Files that are damaged, or another log's, are findings, and nothing in them is. Raises
    `DamagedFileError` where damage shows only later.
    """

    def __init__(self, directory: Path, identity: int, now_us: Callable[[], int]) -> None:
        self._directory = directory
        self._identity = identity
        self._now_us = now_us
        self._faults: list[Finding] = []
        self._open: dict[str, apsw.Connection] = {}
        """The sound files by place: '' is the state, others are batch listeners'."""
        self._paths = {"": directory / STATE_FILE}
        self._take("")
        self._known = {str(name) for (name,) in self._rows("", "SELECT name FROM listeners")}
        names = {file_name(name): name for name in self._known}
        for path in sorted((directory / "listeners").glob("*.db")):
            if (name := names.get(path.name)) is None:
                self._faults.append(Finding(FILE_STRAY, str(path)))
            else:
                self._paths[name] = path
                self._take(name)

    def _take(self, place: str) -> None:
        path = self._paths[place]
        if not path.exists():
            return
        try:
            with guarding(path, _remedy(place)):
                connection = read_only(path)
                check_small(connection)
                mark = connection.pragma("application_id")
        except (DamagedFileError, DataDirectoryError) as error:
            self._faults.append(Finding(FILE_DAMAGED, error.detail))
            return
        if mark not in (0, self._identity):
            self._faults.append(Finding(FILE_FOREIGN, str(path)))
        else:
            self._open[place] = connection

    def close(self) -> None:
        for connection in self._open.values():
            connection.close()

    # Reading

    def _rows(self, place: str, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if (connection := self._open.get(place)) is None:
            return []
        path = self._paths[place]
        with guarding(path, _remedy(place)):
            try:
                return connection.execute(sql, values).fetchall()
            except UnicodeDecodeError as error:
                detail = f"{path}: {error}. {_remedy(place)}"
                raise DamagedFileError(detail, where=str(path)) from error

    def listeners(self) -> set[str]:
        return self._known

    def positions(self) -> Sequence[Position]:
        found = [Position("cursor", *row) for row in self._rows("", _CURSORS)]
        starts = self._rows("", "SELECT name, start FROM listeners")
        found += [Position("start", name, None, start) for name, start in starts]
        for (routed,) in self._rows("", "SELECT routed FROM progress"):
            found.append(Position("shown", "", None, routed))
        for place in self._batches:
            for what, table in (("batch", "cursor"), ("replay", "replay")):
                sql = f"SELECT offset FROM event_system_{table}"  # noqa: S608 - our own names
                found += [Position(what, place, None, at) for (at,) in self._rows(place, sql)]
        return found

    @property
    def _batches(self) -> list[str]:
        return [place for place in self._open if place]

    def counts(self) -> Mapping[CountKey, int]:
        return {
            (place, listener, state): number
            for place in self._open
            for listener, state, number in self._rows(
                place,
                f"SELECT listener, state, number FROM {_table(place)}_counts",  # noqa: S608 - ours
            )
        }

    def failures(self) -> Iterator[Sequence[Failed]]:
        for place in self._open:
            sql, last = _FAILURES.format(t=_table(place)), -1
            while rows := self._rows(place, sql, (last, PART)):
                yield [Failed(place, *row[1:]) for row in rows]
                last = rows[-1][0]

    def still(self, failures: Sequence[Failed]) -> Sequence[Failed]:
        return failures

    def replays(self) -> Iterable[ReplayFound]:
        rows = self._rows("", "SELECT id, listener, content FROM replays ORDER BY id")
        return [found_replay(*row) for row in rows]

    def types(self) -> Iterable[Named]:
        path = self._directory / CATALOGUE_FILE
        if not path.exists():
            return []
        try:
            with guarding(path, LOST_CATALOGUE), closing(read_only(path)) as catalogue:
                rows = catalogue.execute("SELECT name, entry FROM types ORDER BY name").fetchall()
        except (DamagedFileError, DataDirectoryError) as error:
            return [Named(path.name, error.detail)]
        return [found_type(str(name), entry) for name, entry in rows]

    def faults(self) -> Iterable[Finding]:
        return self._faults

    # Mending

    def mend(self, kind: Kind, keys: Sequence[Any]) -> None:
        if kind is CURSOR_AHEAD:
            self._move_back(min(keys))
        elif kind is FAILURE_COUNTS:
            for place in {place for place, _ in keys}:
                self._write(place, [(_RECOUNT.format(t=_table(place)), None)])
        elif kind in _OF_STATE:
            self._write(
                "", [(_OF_STATE[kind], key if isinstance(key, tuple) else (key,)) for key in keys]
            )
        else:
            self._mend_failures(kind, keys)

    def _move_back(self, head: int) -> None:
        self._write("", [(sql, (head,)) for sql in _MOVE_BACK])
        for place in self._batches:
            self._write(place, [(sql, (head,)) for sql in _MOVE_BATCH_BACK])

    def _mend_failures(self, kind: Kind, keys: Sequence[Any]) -> None:
        change = _OF_FAILURES[kind]
        by_place: dict[str, list[tuple[str, Any]]] = {}
        for key in keys:
            failure, new = (key[0], key[1:]) if kind is FAILURE_DIFFERS else (key, ())
            if kind is FAILURE_TIME:
                new = (self._now_us(),)
            sql = change.format(t=_table(failure.place)) + _OF_ONE
            values = (*new, failure.listener, failure.offset)
            by_place.setdefault(failure.place, []).append((sql, values))
        for place, statements in by_place.items():
            self._write(place, statements)

    def _write(self, place: str, statements: Iterable[tuple[str, Any]]) -> None:
        """All of them in one transaction."""
        if place not in self._open:
            return
        path = self._paths[place]
        with (
            guarding(path, _remedy(place)),
            closing(connect_state(path)) as connection,
            transaction(connection),
        ):
            for sql, values in statements:
                connection.execute(sql, values)


_OF_STATE: Final[Mapping[Kind, str]] = {
    CURSOR_LANE: "DELETE FROM cursors WHERE listener = ? AND lane = ?",
    CURSOR_UNKNOWN: "INSERT OR IGNORE INTO listeners (name, start) VALUES (?, ?)",
    REPLAY_UNREADABLE: "DELETE FROM replays WHERE id = ?",
}
_OF_FAILURES: Final[Mapping[Kind, str]] = {
    FAILURE_EVENT: "DELETE FROM {t}",
    FAILURE_DIFFERS: "UPDATE {t} SET lane = ?, type = ?",
    FAILURE_STATE: "UPDATE {t} SET state = 'dead'",
    FAILURE_TIME: "UPDATE {t} SET at_us = ?",
}


def _table(place: str) -> str:
    return "event_system_retries" if place else "retries"


def _remedy(place: str) -> str:
    return LOST_LISTENER if place else LOST_STATE
