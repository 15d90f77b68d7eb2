"""Which records of a stream count: where brokers do not compare, those who read do.

A record names the event that it expects to follow. Of those that name the same one, the first in
the stream's order counts, and all others have come too late: nobody names an event before having
read it, so when the first of them comes, that event is the newest one, and from then on it is not.
Whoever reads the same records comes to the same events, wherever it began, and a record that was
long under way harms nobody.
"""

from __future__ import annotations

from collections import deque

from event_system.eventlog.backbone.stream import Found
from event_system.eventlog.rabbitmq.wire import Record
from event_system.kernel.errors import BackboneMismatchError, StorageError


class Counting:
    """Reads the records of a log's stream, one after the other.

    It goes on from the event `head`, which came with the record at the position `place`; that one
    has to be read first. Where `place` is None it may begin anywhere before the records that
    follow `head`. `commit` is the newest one that counts, empty until one is known.
    """

    def __init__(self, log: int, head: int, place: int | None) -> None:
        self.head = head
        self.commit = ""
        self.strangers = 0
        self._log = log
        self._place = place
        self._places: deque[tuple[int, int]] = deque()

    @property
    def is_at_place(self) -> bool:
        """Whether the record that it goes on from has been read."""
        return self._place is None

    def read(self, position: int, record: Record | None) -> Found | None:
        """What the record at this position adds to the events; None for one that does not count.

        `strangers` counts those of other logs. Raises `StorageError` where records are missing.
        """
        if self._place is not None:
            return self._begin(self._place, position, record)
        if record is None or record.log != self._log:
            self.strangers += 1
            return None
        if not record.rows or record.expected < self.head:
            return None
        if record.expected > self.head or not self._follows(record):
            raise StorageError(
                f"the record at {position} of the stream follows the event {record.expected}, which "
                "is not there: the stream has lost events"
            )
        return self._count(position, record)

    def place(self, offset: int) -> int | None:
        """The position of the record with the event at this offset; it is not asked for lower ones.

        None where that has been read by nobody here.
        """
        while self._places and self._places[0][0] < offset:
            self._places.popleft()
        return self._places[0][1] if self._places else None

    def _follows(self, record: Record) -> bool:
        return not (record.previous and self.commit) or record.previous == self.commit

    def _begin(self, place: int, position: int, record: Record | None) -> Found | None:
        """Of the record that has the newest event of the tables, what the tables lack."""
        if position > place:
            raise BackboneMismatchError(
                f"the tables end in the record at {place} of the stream, which begins at {position}: "
                "the database is too old"
            )
        rows = () if record is None else record.rows
        if record is None or not record.expected < self.head <= record.expected + len(rows):
            raise BackboneMismatchError(
                f"the record at {position} of the stream is not the one that the tables end with: "
                "the stream was not made for this database"
            )
        self._place = None
        known, self.head = self.head - record.expected, record.expected
        found = self._count(position, record)
        return Found(found.commit, found.rows[known:])

    def _count(self, position: int, record: Record) -> Found:
        self.head += len(record.rows)
        self.commit = record.commit
        self._places.append((self.head, position))
        return Found(record.commit, record.rows)
