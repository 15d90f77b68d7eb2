"""One transaction of the log: rows to append, and other work that must be durable with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice
from typing import Any, Generic, TypeVar

import apsw

from event_system.eventlog.receipt import not_before
from event_system.eventlog.sqlite.dedupe import Dedupe
from event_system.eventlog.sqlite.schema import COLUMNS
from event_system.events.event import Row
from event_system.kernel.errors import StorageError

# Between two statements another thread may take the interpreter, and keep it for milliseconds: few
# large ones hold up a commit less. apsw keeps a hundred prepared, of up to 16 kB of SQL text.
_LARGE = (500, 250, 125, 63)

T = TypeVar("T")


def _insert(rows: int) -> str:
    group = "(" + ",".join("?" * len(COLUMNS)) + ")"
    return f"INSERT INTO events ({','.join(COLUMNS)}) VALUES {','.join([group] * rows)}"  # noqa: S608 - our own names


_INSERTS = {rows: _insert(rows) for rows in (*_LARGE, *range(1, _LARGE[-1]))}


class GroupCommit:
    """A transaction under way on the writer's thread.

    `pending` are the rows appended so far, at offsets from `first` on. They reach the table at
    the end, so a statement that reads `events` does not see them. `received_us` is when the last
    event before the next one was received.
    """

    def __init__(
        self, connection: apsw.Connection, dedupe: Dedupe, first: int, received_us: int
    ) -> None:
        self.first = first
        self.next = first
        self.pending: list[Row] = []
        self.duplicates = 0
        self._last_of: dict[str | None, int] = {}
        self._looked_at = 0
        self.received_us = received_us
        self._connection = connection
        self._dedupe = dedupe

    def begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def append(self, rows: Sequence[Row]) -> Sequence[int]:
        """Offsets of the rows; minus the first one's offset where a row is a duplicate.

        What was received earlier than the event in front of it, as it had to wait for something
        on its way, counts as received with that one.
        """
        if len(rows) == 1:
            return (self._append_one(rows[0]),)
        if rows and rows[0][10] < self.received_us:
            rows = [not_before(row, self.received_us) for row in rows]
        keys = [row[0] ^ row[3] for row in rows]
        if not self._dedupe.are_new(rows, keys):
            return [self._append_one(row) for row in rows]
        at, self.next = self.next, self.next + len(rows)
        self._dedupe.recent.update(zip(keys, count(at), strict=False))
        self.pending.extend(rows)
        if rows:
            self.received_us = rows[-1][10]
        return range(at, self.next)

    def _append_one(self, row: Row) -> int:
        row = not_before(row, self.received_us)
        key = row[0] ^ row[3]
        dedupe, at = self._dedupe, self.next
        if dedupe.may_know(key):
            stored = dedupe.find(row, self.pending, at)
            if stored is not None:
                self.duplicates += 1
                return -stored
            dedupe.recent.pop(key, None)
        dedupe.recent[key] = at
        self.received_us = row[10]
        self.pending.append(row)
        self.next = at + 1
        return at

    def find(self, row: Row) -> int | None:
        """Offset of the stored event with this row's source and id, where there is one."""
        if not self._dedupe.may_know(row[0] ^ row[3]):
            return None
        return self._dedupe.find(row, self.pending, self.next)

    def knows(self, row: Row) -> bool:
        """Whether the row is a duplicate; `append` then tells of what."""
        if not self._dedupe.may_know(row[0] ^ row[3]):
            return False
        return self._dedupe.find(row, self.pending, self.next) is not None

    def last_of(self, subject: str | None) -> int:
        """Offset of the last pending row of a subject; 0 where there is none."""
        for row in islice(self.pending, self._looked_at, None):
            self._last_of[row[8]] = self.first + self._looked_at
            self._looked_at += 1
        return self._last_of.get(subject, 0)

    def execute(
        self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """Run one statement in the log's database; its rows."""
        return self._connection.execute(sql, values).fetchall()

    def end(self) -> None:
        """Make all of it durable. Raises what SQLite does, and `StorageError`."""
        if self.pending:
            self._insert(self.pending)
            last = self._connection.last_insert_rowid()
            if last != self.next - 1:
                raise StorageError(f"the log ends at {last}, not {self.next - 1}")
        self._connection.execute("COMMIT")

    def _insert(self, rows: list[Row]) -> None:
        """Insert with few statements, which stay in the statement cache."""
        start, left = 0, len(rows)
        for size in _LARGE:
            while left >= size:
                self._insert_some(rows[start : start + size])
                start += size
                left -= size
        if left:
            self._insert_some(rows[start:])

    def _insert_some(self, rows: list[Row]) -> None:
        self._connection.execute(_INSERTS[len(rows)], tuple(chain.from_iterable(rows)))

    def roll_back(self) -> None:
        self._dedupe.forget(self.pending)
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """Work that is to be durable together with the rows of its transaction.

    `run` is called on the writer's thread. It may be called again where the transaction failed
    for another's sake, so all it does goes through the transaction. An `EventSystemError` that
    it raises is its own result alone, and must come before its first write.
    """

    run: Callable[[GroupCommit], T]

    def __len__(self) -> int:
        return 1
