"""What is made from the embedded log, held against it: the index, run by run, and the id filters.

What retention has deleted may still be in the index, up to the log's floor, and no look-up minds;
so beyond that only what is in both is right.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import apsw
from rbloom import Bloom

from event_system.consistency.kinds import (
    FILTER_WRONG,
    INDEX_DAMAGED,
    INDEX_FOREIGN,
    INDEX_MISSING,
    INDEX_RUNS,
    Finding,
)
from event_system.consistency.ports import Bounds, Part
from event_system.eventlog.sqlite.filters import (
    RUNS_PER_GENERATION,
    FilterFiles,
    generation_of,
    runs_of,
)
from event_system.eventlog.sqlite.index import DAMAGED_FILE
from event_system.eventlog.sqlite.schema import INDEX_FILE, INDEX_LAYOUT
from event_system.sqlite.files import read_only

_RUNS = "SELECT run, first_offset, last_offset FROM runs ORDER BY run"
_IDS = "SELECT key, offset FROM ids WHERE run = ? ORDER BY key, offset"
_POSTINGS = "SELECT key, offsets FROM postings WHERE run = ?"
_TYPES = "SELECT t.type, t.type_key FROM types t JOIN type_runs r USING (type_key) WHERE r.run = ?"
_MOST_SUSPECTS: Final = 1_000
_KNOWN = itemgetter(0, 1, 2, 3, 4, 6)


class _Run(NamedTuple):
    number: int
    first: int
    last: int


_Keys: TypeAlias = tuple[Any, ...]
"""What the index knows of an event: offset, the keys of id, subject, type, source; its type."""


class IndexShadow:
    """Implements `consistency.ports.Shadow` of the runs that lie within a walk."""

    def __init__(
        self, directory: Path, log: Bounds, first: int, last: int, *, run_events: int
    ) -> None:
        self._log = log
        self._run_events = run_events
        self._held: list[_Keys] = []
        self._unreadable: set[int] = set()
        self._index: apsw.Connection | None = None
        self._runs: deque[_Run] = deque()
        self._news: list[Finding] = []
        if (directory / DAMAGED_FILE).exists():
            self._news.append(Finding(INDEX_DAMAGED, "a search came upon damage"))
        elif (path := directory / INDEX_FILE).exists():
            self._open(path, first, last)

    def _open(self, path: Path, first: int, last: int) -> None:
        try:
            self._index = read_only(path)
            layout = self._index.pragma("user_version")
            if layout == INDEX_LAYOUT:
                runs = [_Run(*map(int, row)) for row in self._index.execute(_RUNS)]
                self._news += self._wrong_runs(runs)
                self._runs = deque(run for run in runs if run.first >= first and run.last <= last)
            elif layout != 0:
                self._news.append(Finding(INDEX_DAMAGED, f"it has the layout {layout}"))
        except apsw.Error as error:
            self._news.append(Finding(INDEX_DAMAGED, str(error)))

    def _wrong_runs(self, runs: Sequence[_Run]) -> Iterator[Finding]:
        for run in runs:
            first = run.number * self._run_events + 1
            if (run.first, run.last) != (first, first + self._run_events - 1):
                detail = f"run {run.number} is from {run.first} to {run.last}"
                yield Finding(INDEX_RUNS, detail)
        for before, after in pairwise(runs):
            if after.number != before.number + 1:
                yield Finding(INDEX_RUNS, f"run {after.number} follows run {before.number}")
        if runs and runs[-1].last > self._log.head:
            detail = f"it reaches to offset {runs[-1].last}, the log only to {self._log.head}"
            yield Finding(INDEX_RUNS, detail)

    def look(self, part: Part) -> Iterator[Finding]:
        yield from self._news
        self._news = []
        if self._runs:
            self._held += map(_KNOWN, part.rows)
        if part.unreadable is not None:
            self._unreadable.add(part.through)
        while self._runs and part.through >= self._runs[0].last:
            run = self._runs.popleft()
            try:
                yield from self._compare(run, self._taken(run))
            except apsw.Error as error:
                yield Finding(INDEX_DAMAGED, f"run {run.number}: {error}")
                self._runs.clear()
        if not self._runs and self._index is not None:
            self._held = []
            self._index.close()
            self._index = None

    def _taken(self, run: _Run) -> list[_Keys]:
        """The events of a run; those up to its end are held no longer."""
        place = itemgetter(0)
        first = bisect_left(self._held, run.first, key=place)
        end = bisect_left(self._held, run.last + 1, key=place)
        events = self._held[first:end]
        del self._held[:end]
        return events

    def _compare(self, run: _Run, events: Sequence[_Keys]) -> Iterator[Finding]:
        assert self._index is not None, "there are runs"
        offsets, ids, *keys, types = zip(*events, strict=True) if events else [()] * 6
        expected = sorted(zip(ids, offsets, strict=True))
        found: list[tuple[Any, ...]] = self._index.execute(_IDS, (run.number,)).fetchall()
        if expected != found:
            of_log, of_index = set(expected), set(found)
            lost = [at for _, at in of_log - of_index]
            strange = [at for _, at in of_index - of_log]
            yield from self._differences("id", lost, strange)
        yield from self._compare_postings(run, offsets, keys)
        named = set(zip(types, keys[1], strict=True))
        for type_, _ in named - set(self._index.execute(_TYPES, (run.number,))):
            yield Finding(INDEX_MISSING, f"type {type_} in run {run.number}")

    def _compare_postings(
        self, run: _Run, offsets: Sequence[int], columns: Sequence[Sequence[Any]]
    ) -> Iterator[Finding]:
        """Lists are in no order; those of the log come in that of their offsets."""
        assert self._index is not None
        posted: defaultdict[Any, list[str]] = defaultdict(list)
        before = run.first - 1
        places = [chr(offset - before) for offset in offsets]
        for column in columns:
            for key, place in zip(column, places, strict=True):
                posted[key].append(place)
        posted.pop(None, None)
        lost: set[str] = set()
        strange: set[str] = set()
        for key, listed in self._index.execute(_POSTINGS, (run.number,)):
            expected = posted.pop(key, [])
            if listed is None:
                continue  # said to be everywhere: each event of the run is looked at for it
            text = _text(listed)
            if sorted(text) != expected:
                lost |= set(expected).difference(text)
                strange |= set(text).difference(expected)
        lost = lost.union(*posted.values())
        yield from self._differences(
            "type, source or subject",
            [before + ord(place) for place in lost],
            [before + ord(place) for place in strange],
        )

    def _differences(
        self, what: str, missing: Iterable[int], foreign: Iterable[int]
    ) -> Iterator[Finding]:
        for offset in sorted(missing):
            yield Finding(INDEX_MISSING, f"offset {offset} by its {what}")
        for offset in sorted(foreign):
            if offset > self._log.floor and offset not in self._unreadable:
                yield Finding(INDEX_FOREIGN, f"offset {offset} by another {what}")


def _text(offsets: Any) -> str:
    raw = offsets if isinstance(offsets, bytes) else str(offsets).encode()
    return raw.decode(errors="replace")


class FilterShadow:
    """Implements `consistency.ports.Shadow`: every id is known to the filter over its run.

    Of several events with the same id, which only a window that has passed lets in, a filter may
    know no more than the last one, in whichever run that is.
    """

    def __init__(self, files: FilterFiles, last: int, *, run_events: int) -> None:
        self._files = files
        self._last = last
        self._run_events = run_events
        newest = {generation_of(path): path for path in files.all()}
        self._waiting = deque(newest.values())
        self._filter: Bloom | None = None
        self._first = self._through = 0
        self._path = Path()
        self._suspects: dict[int, tuple[Path, int]] = {}

    def look(self, part: Part) -> Iterator[Finding]:
        if self._waiting or self._filter is not None or self._suspects:
            for row in part.rows:
                if isinstance(row[1], int) and isinstance(row[4], int):
                    yield from self._row(row[0], row[1] ^ row[4])
        if part.through >= self._last:
            yield from self._missing()

    def _row(self, offset: int, key: int) -> Iterator[Finding]:
        while offset > self._through and (self._waiting or self._filter is not None):
            yield from self._next()
        self._suspects.pop(key, None)
        if self._filter is None or offset < self._first or key in self._filter:
            return
        if len(self._suspects) < _MOST_SUSPECTS:
            self._suspects[key] = self._path, offset

    def _next(self) -> Iterator[Finding]:
        """Take up the next file; the one before is done."""
        self._filter = None
        if not self._waiting:
            return
        self._path = path = self._waiting.popleft()
        first = generation_of(path) * RUNS_PER_GENERATION
        self._first = first * self._run_events + 1
        self._through = (first + runs_of(path)) * self._run_events
        try:
            self._filter = self._files.load(path)
        except (OSError, ValueError) as error:
            yield Finding(FILTER_WRONG, f"{path.name}: {error}", path)

    def _missing(self) -> Iterator[Finding]:
        while self._waiting:
            yield from self._next()
        for path, offset in self._suspects.values():
            yield Finding(FILTER_WRONG, f"{path.name}: it does not know offset {offset}", path)
        self._suspects = {}
