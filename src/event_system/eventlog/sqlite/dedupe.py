"""Which (source, id) are stored already, exact within a window, at a few bytes an event.

Young events are remembered in a dictionary until the index holds them. When the indexer has
built a run, its ids move into a Bloom filter (one a generation of
2^22 events): a filter's "no" is final, its "maybe" (one in a thousand) is looked up in the
index and compared with the stored event. Filters are saved now and then (filters.py), so that a
restart reads back little of the log; a file that cannot be trusted is made again.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import apsw
from rbloom import Bloom

from event_system.eventlog.sqlite.filters import (
    RUNS_PER_GENERATION,
    FilterFiles,
    new_filter,
    runs_of,
)
from event_system.events.event import Row

RUNS_PER_SAVE = 16
_log = logging.getLogger(__name__)

_CANDIDATES = """
SELECT i.offset FROM idx.runs r CROSS JOIN idx.ids i ON i.run = r.run AND i.key = :id_key
WHERE r.last_offset >= :first AND r.first_offset <= :last ORDER BY i.offset DESC
"""
_SCAN = """
SELECT offset FROM events WHERE offset BETWEEN :first AND :last AND id_key = :id_key
ORDER BY offset DESC
"""
_STORED = "SELECT id, source, received_us FROM events WHERE offset = ?"
_KEYS = "SELECT offset, id_key, source_key FROM events WHERE offset BETWEEN ? AND ?"


class Dedupe:
    """Used by one thread (the writer's); `seal` alone may be called from any."""

    def __init__(
        self,
        log: apsw.Connection,
        reader: apsw.Connection,
        directory: Path,
        *,
        identity: int,
        run_events: int,
        window_us: int,
    ) -> None:
        self.window_us = window_us
        self._files = FilterFiles(directory, identity)
        self._log = log
        self._reader = reader
        self._run_events = run_events
        self.recent: dict[int, int] = {}
        """Offset by key of every event that the index does not hold yet, in that order.

        The writer adds to it; a key that comes again must be taken out first.
        """
        self._filters: dict[int, Bloom] = {}
        self._filter_list: list[Bloom] = []
        self._sealed: deque[int] = deque()
        self._indexed = 0
        self._next_run = 0  # the first run whose ids are still in `recent`

    # Finding

    def may_know(self, key: int) -> bool:
        """Whether an event with this key may be stored; a no is final."""
        if key in self.recent:
            return True
        for filter_ in self._filter_list:  # noqa: SIM110 - a generator costs twice as much
            if key in filter_:
                return True
        return False

    def are_new(self, rows: Sequence[Row], keys: Sequence[int]) -> bool:
        """Whether all of these rows, whose keys are given, can be stored just as they are."""
        if len(set(keys)) < len(keys) or not self.recent.keys().isdisjoint(keys):
            return False
        for filter_ in self._filter_list:
            for row, key in zip(rows, keys, strict=True):
                if key in filter_ and self.find(row, (), 0) is not None:
                    return False
        return True

    def find(self, row: Row, pending: Sequence[Row], next_offset: int) -> int | None:
        """Offset of the stored event with this row's source and id, received in the window.

        `pending` are rows of the transaction under way; the last one has `next_offset - 1`.
        """
        key = row[0] ^ row[3]
        offset = self.recent.get(key)
        if offset is not None:
            first_pending = next_offset - len(pending)
            if offset >= first_pending:
                twin = pending[offset - first_pending]
                return offset if twin[7] == row[7] and twin[6] == row[6] else None
            return offset if self._same(offset, row) else None
        for generation, filter_ in self._filters.items():
            if key in filter_ and (found := self._look_up(generation, row)):
                return found
        return None

    def _same(self, offset: int, row: Row) -> bool:
        stored = self._log.execute(_STORED, (offset,)).fetchone()
        if stored is None:
            return False
        id_, source, received_us = stored
        same = id_ == row[7] and source == row[6]
        return same and int(received_us) > row[10] - self.window_us

    def _look_up(self, generation: int, row: Row) -> int | None:
        events = self._run_events * RUNS_PER_GENERATION
        span = {"first": generation * events + 1, "last": (generation + 1) * events}
        rows = self._candidates({"id_key": row[0], **span})
        found = [offset for (offset,) in rows if isinstance(offset, int)]
        return next((offset for offset in found if self._same(offset, row)), None)

    def _candidates(self, span: dict[str, int]) -> list[tuple[Any, ...]]:
        """Offsets with this id key, newest first; the log tells what the index cannot."""
        try:
            found = self._reader.execute(_CANDIDATES, span).fetchall()
        except apsw.Error as error:
            _log.warning("the index cannot be read; the log is searched instead: %s", error)
            return self._log.execute(_SCAN, span).fetchall()
        if self._indexed >= span["last"]:
            return found
        beyond = {**span, "first": max(span["first"], self._indexed + 1)}
        return [*self._log.execute(_SCAN, beyond), *found]

    # Remembering

    def forget(self, rows: Iterable[Row]) -> None:
        """Take back what was added to `recent` for a transaction that failed."""
        for row in rows:
            self.recent.pop(row[0] ^ row[3], None)

    # Sealing

    def seal(self, first: int, last: int) -> None:
        """The index now holds this range of offsets (whole runs). Cheap; any thread."""
        self._sealed.extend(range((first - 1) // self._run_events, last // self._run_events))

    def settle(self, now_us: int) -> None:
        """Move sealed blocks into their filters; called between transactions."""
        while self._sealed:
            number = self._sealed.popleft()
            self._indexed = max(self._indexed, (number + 1) * self._run_events)
            if number < self._next_run:
                continue  # its ids were read from the log at the start
            self._next_run = number + 1
            self._absorb(number)
            self._expire(now_us)
            self._filter_list = list(reversed(self._filters.values()))

    def _absorb(self, number: int) -> None:
        """Move one run's keys from `recent` into its generation's filter."""
        generation, run = divmod(number, RUNS_PER_GENERATION)
        filter_ = self._filters.get(generation)
        if filter_ is None:
            filter_ = self._filters[generation] = self._new_filter()
        last = (number + 1) * self._run_events
        keys = []
        for key, offset in self.recent.items():  # in the order of offsets
            if offset > last:
                break
            keys.append(key)
        filter_.update(keys)
        for key in keys:
            del self.recent[key]
        if (run + 1) % RUNS_PER_SAVE == 0:
            self._save(generation, run + 1, filter_)

    def _new_filter(self) -> Bloom:
        events = self._run_events * RUNS_PER_GENERATION
        return new_filter(events)

    def _expire(self, now_us: int) -> None:
        """Drop the filters of generations that ended before the window."""
        current = max(self._filters)
        for generation in [g for g in self._filters if g < current]:
            last = (generation + 1) * self._run_events * RUNS_PER_GENERATION
            stored = self._log.execute(_STORED, (last,)).fetchone()
            if stored is None or stored[2] < now_us - self.window_us:
                del self._filters[generation]
                for path in self._files.of(generation):
                    path.unlink(missing_ok=True)

    # Files

    def _save(self, generation: int, runs: int, filter_: Bloom) -> None:
        try:
            self._files.save(generation, runs, filter_)
        except OSError as error:
            _log.warning("an id filter could not be saved; a restart will read more: %s", error)

    def load(self, head: int, indexed_through: int, since_us: int) -> None:
        """Remember what the log holds: filters from their files, the rest read back."""
        events = self._run_events * RUNS_PER_GENERATION
        self._indexed = indexed_through
        self._next_run = head // self._run_events
        through = self._next_run * self._run_events
        for generation in range(-(-through // events)):
            last = min((generation + 1) * events, through)
            stored = self._log.execute(_STORED, (last,)).fetchone()
            if stored is not None and stored[2] >= since_us:
                self._load_generation(generation, last)
        for offset, ids, source in self._log.execute(_KEYS, (through + 1, head)):
            self.recent[ids ^ source] = offset
        self._filter_list = list(reversed(self._filters.values()))

    def _load_generation(self, generation: int, last: int) -> None:
        filter_, runs = self._read(generation)
        self._filters[generation] = filter_
        first = (generation * RUNS_PER_GENERATION + runs) * self._run_events + 1
        if first <= last:
            rows = self._log.execute(_KEYS, (first, last))
            filter_.update(ids ^ source for _, ids, source in rows)

    def _read(self, generation: int) -> tuple[Bloom, int]:
        for path in reversed(self._files.of(generation)):
            runs = runs_of(path)
            try:
                if generation * RUNS_PER_GENERATION + runs > self._next_run:
                    raise ValueError("it reaches beyond the log, which is an older one")
                filter_ = self._files.load(path)
            except (OSError, ValueError) as error:
                _log.warning("the id filter %s is of no use and is made again: %s", path, error)
                path.unlink(missing_ok=True)
                continue
            if filter_.size_in_bits == self._new_filter().size_in_bits:
                return filter_, runs
        return self._new_filter(), 0
