"""Reading the log: its young end from memory, the rest from the tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from event_system.eventlog.backbone.tail import Tail
from event_system.eventlog.sql import reader as tables
from event_system.eventlog.sql.reader import SCAN_WINDOW, bounded
from event_system.events.event import Event, bytes_of, event_of
from event_system.events.ports import Commit, Slice

_COMMIT_ROWS = 1_000


class TailReader:
    """Reads with the promises of `EventLog`; `told` says up to where others may know of events."""

    def __init__(self, tail: Tail, older: tables.Reader, told: Callable[[], int]) -> None:
        self._tail = tail
        self._older = older
        self._told = told

    async def read(self, after: int, limit: int, lanes: frozenset[int] | None = None) -> Slice:
        """As `EventLog.read`."""
        tail, through = self._tail, max(after, min(after + SCAN_WINDOW, self._told()))
        if after < tail.projected:
            return await self._older.read(after, limit, lanes)
        rows = enumerate(tail.rows(after, through - after), after + 1)
        found = [(at, row) for at, row in rows if lanes is None or row[4] in lanes][:limit]
        taken = bounded((at, len(row[14] or b"")) for at, row in found)
        events = [event_of(at, row) for at, row in found[: len(taken)]]
        size = bytes_of(events)
        is_whole = len(taken) == len(found) < limit
        return Slice(events, through if is_whole else taken[-1], size)

    async def pick(self, offsets: Sequence[int]) -> list[Event]:
        """As `EventLog.pick`."""
        told, tail = self._told(), self._tail
        wanted = [at for at in offsets if 0 < at <= told]
        young = {at: event_of(at, row) for at in wanted if (row := tail.at(at)) is not None}
        older = [at for at in wanted if at not in young]
        events = young | {event.offset: event for event in await self._older.pick(older)}
        there = [at for at in wanted if at in events]
        taken = bounded((at, len(events[at].raw or b"")) for at in there)
        return [events[at] for at in taken]

    async def at(self, offset: int) -> Event | None:
        found = await self.pick([offset])
        return found[0] if found else None

    async def commit(self, after: int, through: int) -> Commit:
        """As `eventlog.sql.writer.Source.commit`."""
        if after < self._tail.projected:
            return await self._older.commit(after, min(through, self._tail.projected))
        rows = list(self._tail.rows(after, min(_COMMIT_ROWS, through - after)))
        return Commit(after + 1, rows)
