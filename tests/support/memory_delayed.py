"""Events that wait, in memory: durable for as long as a test runs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from event_system.events.event import Row, event_of
from event_system.kernel.errors import (
    EventSystemError,
    InvalidQueryError,
    ScheduledEventNotFoundError,
)
from event_system.kernel.patterns import matches, parse_pattern
from event_system.scheduling.ports import (
    Done,
    Fired,
    FiredEvent,
    Held,
    Standing,
    Waiting,
    WaitingFilter,
    WaitingPage,
)
from tests.support.memory_log import MemoryLog

SLICE = 512


class MemoryDelayedStore:
    """Implements `DelayedStore`."""

    def __init__(self, log: MemoryLog) -> None:
        self.waiting = 0
        self.next_us: int | None = None
        self.failure: Exception | None = None
        self.held: dict[int, Held] = {}
        self._log = log
        self._numbers = count(1)

    def accept(self, held: Sequence[Held], done: Done[list[Standing]]) -> None:
        if self.failure is not None:
            done(self.failure)
            return
        now = {at: each.row for at, each in enumerate(held) if not each.due_us}
        offsets = dict(zip(now, self._append(list(now.values())), strict=True))
        done([self._standing(each, offsets.get(at)) for at, each in enumerate(held)])

    def _append(self, rows: Sequence[Row]) -> list[int]:
        stored: list[int] = []
        self._log.submit(rows, stored.extend)  # type: ignore[arg-type]
        return stored

    def _standing(self, held: Held, offset: int | None) -> Standing:
        if offset is not None:
            return Standing(abs(offset), duplicate=offset < 0)
        name = held.row[6:8]
        for other in self.held.values():
            if other.row[6:8] == name:
                return Standing(0, other.due_us, duplicate=True)
        for at, row in enumerate(self._log.rows, 1):
            if row[6:8] == name:
                return Standing(at, duplicate=True)
        self.held[next(self._numbers)] = held
        return Standing(0, held.due_us)

    def fire(self, now_us: int, received_us: int, done: Done[Fired]) -> None:
        if self.failure is not None:
            done(self.failure)
            return
        due = [number for number, held in self._ordered() if held.due_us <= now_us][:SLICE]
        taken = [self.held.pop(number) for number in due]
        rows = [(*row[:10], received_us, *row[11:]) for row, _ in taken]
        offsets = self._append(rows)
        events = [
            FiredEvent(row, offset, each.due_us)
            for row, offset, each in zip(rows, offsets, taken, strict=True)
        ]
        done(Fired(events, min((held.due_us for held in self.held.values()), default=None)))

    def _ordered(self) -> list[tuple[int, Held]]:
        return sorted(self.held.items(), key=lambda entry: (entry[1].due_us, entry[0]))

    def cancel(self, id_: str, source: str | None, done: Done[Waiting]) -> None:
        try:
            number = self._only(id_, source)
        except EventSystemError as error:
            done(error)
        else:
            done(_waiting(number, self.held.pop(number)))

    def _only(self, id_: str, source: str | None) -> int:
        numbers = [
            number
            for number, held in self.held.items()
            if held.row[7] == id_ and source in (None, held.row[6])
        ]
        if not numbers:
            raise ScheduledEventNotFoundError(where=id_)
        if len(numbers) > 1:
            raise InvalidQueryError("name one", where="source")
        return numbers[0]

    async def get(self, id_: str, source: str) -> Waiting | None:
        found = [entry for entry in self._ordered() if entry[1].row[6:8] == (source, id_)]
        return _waiting(*found[0]) if found else None

    async def find(
        self, query: WaitingFilter, *, limit: int, after: tuple[int, int] | None
    ) -> WaitingPage:
        found = [_waiting(*entry) for entry in self._ordered()]
        page = [each for each in found if _matches(query, each)]
        if after is not None:
            page = [each for each in page if (each.due_us, each.number) > after]
        last = page[limit - 1] if len(page) > limit else None
        return WaitingPage(page[:limit], None if last is None else (last.due_us, last.number))


def _waiting(number: int, held: Held) -> Waiting:
    return Waiting(number, held.due_us, event_of(0, held.row))


def _matches(query: WaitingFilter, waiting: Waiting) -> bool:
    event = waiting.event
    return (
        (query.pattern is None or matches(parse_pattern(query.pattern), event.type))
        and query.source in (None, event.source)
        and query.subject in (None, event.subject)
        and (query.since_us is None or waiting.due_us >= query.since_us)
        and (query.until_us is None or waiting.due_us < query.until_us)
    )
