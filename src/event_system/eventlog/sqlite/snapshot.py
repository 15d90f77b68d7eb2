"""The log and its index as they were at one moment."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TypeAlias

import apsw

_NEWEST_RUN = "SELECT run, last_offset FROM idx.runs ORDER BY run DESC LIMIT 1"
_OLDEST_RUN = "SELECT first_offset FROM idx.runs ORDER BY run LIMIT 1"
_HEAD = "SELECT coalesce(max(offset), 0) FROM events"
_RECEIVED = "SELECT received_us FROM events WHERE offset >= ? ORDER BY offset LIMIT 1"

Values: TypeAlias = Mapping[str, Any]


class Snapshot:
    """Log and index as they were at one moment: no run committed meanwhile is seen by half.

    `head` is the newest offset; the index knows those after `before` up to `through`. Of the
    events up to `before` retention has left a few.
    """

    def __init__(self, connection: apsw.Connection, *, indexed: bool = True) -> None:
        self._connection = connection
        self._indexed = indexed
        self._open: list[apsw.Cursor] = []
        self.run_events = 1
        self.before = 0
        self.through = 0
        self.head = 0

    def __enter__(self) -> Snapshot:
        self._connection.execute("BEGIN")
        try:
            self._look()
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        return self

    def _look(self) -> None:
        # The index first: the log that is seen after it holds all that the index knows.
        newest = self._connection.execute(_NEWEST_RUN).fetchone() if self._indexed else None
        if newest is not None:
            run, self.through = newest
            self.run_events = self.through // (run + 1)
            self.before = self._connection.execute(_OLDEST_RUN).get - 1
        self.head = self._connection.execute(_HEAD).get

    def rows(self, sql: str, values: Values | tuple[Any, ...] = ()) -> apsw.Cursor:
        """The rows of a statement, read as they are taken."""
        cursor = self._connection.cursor()
        self._open.append(cursor)
        return cursor.execute(sql, values)

    def run_of(self, offset: int) -> int:
        return (offset - 1) // self.run_events

    def first_received(self, us: int) -> int:
        """The first offset received at or after this time; `head + 1` where there is none."""
        offsets = range(1, self.head + 1)
        return 1 + bisect_left(offsets, us, key=self._received)

    def _received(self, offset: int) -> int:
        return int(self._connection.execute(_RECEIVED, (offset,)).get)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for cursor in self._open:
            cursor.close(True)
        self._connection.execute("ROLLBACK")
