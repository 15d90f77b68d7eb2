"""Importing older samples: OpenMetrics with times, a stretch at a time, into blocks by day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

import numpy as np

from event_system.kernel.errors import ExpositionError
from event_system.promql.ports import Labels, Series
from event_system.timeseries.collection.exposition import Exposition, check_end
from event_system.timeseries.collection.relabel import ordered
from event_system.timeseries.columns import Times, Values
from event_system.timeseries.index import distinct
from event_system.timeseries.options import DAY_MS

LINES: Final = 50_000
STRETCH: Final = 2_000_000
"""Samples that are in memory at a time."""
_WITHOUT_TIME: Final = -(2**62)
_END: Final = "# EOF"


class Histories(Protocol):
    """Where history goes; see `store.Store.add_history`."""

    def add_history(self, series: list[Series]) -> None:
        """Store series of older samples. Raises `StorageError`."""


@dataclass(slots=True)
class Imported:
    """What an import has stored so far."""

    samples: int = 0
    lines: int = 0


class HistoryImport:
    """One import. Samples of a stretch are stored together; those before a fault stay stored."""

    def __init__(self, store: Histories, told: Callable[[Imported], None]) -> None:
        self.imported = Imported()
        self._store = store
        self._told = told
        self._exposition = Exposition(ordered)
        self._refs: dict[Labels, int] = {}
        self._parts: list[tuple[Times, Times, Values]] = []
        self._held = 0

    def run(self, lines: Iterable[str]) -> None:
        """Read all lines. Raises `ExpositionError` with the line at fault, and `StorageError`."""
        rows = iter(lines)
        ended = False
        while part := [line.rstrip("\n") for line in islice(rows, LINES)]:
            if ended and any(part):
                raise ExpositionError(f"line {self.imported.lines + 1}: text after `# EOF`")
            count = len(part)
            ended = ended or _ends(part)
            self._take(part)
            self.imported.lines += count
            if self._held >= STRETCH:
                self._store_held()
        if not ended:
            raise ExpositionError("the text does not end with `# EOF`: it is not whole")
        self._store_held()

    def _take(self, lines: list[str]) -> None:
        first = self.imported.lines + 1
        read = self._exposition.read_lines(lines, first, _WITHOUT_TIME, openmetrics=True)
        if (read.times == _WITHOUT_TIME).any():
            raise ExpositionError(f"a sample of line {first} or later has no time")
        known = self._refs
        refs = [known.setdefault(labels, len(known)) for labels in read.labels]
        self._parts.append((np.array(refs, np.int64), read.times, read.values))
        self._held += len(refs)

    def _store_held(self) -> None:
        if self._held:
            names = list(self._refs)
            refs, times, values = (
                np.concatenate(column) for column in zip(*self._parts, strict=True)
            )
            for day in distinct(times // DAY_MS):
                mask = times // DAY_MS == day
                rows = _series(refs[mask], times[mask], values[mask])
                self._store.add_history([Series(names[ref], at, v) for ref, at, v in rows])
            self.imported.samples += self._held
        self._refs, self._parts, self._held = {}, [], 0
        self._told(self.imported)


def _series(refs: Times, times: Times, values: Values) -> Iterator[tuple[int, Times, Values]]:
    """By series, rising; of samples at one time the first counts."""
    order = np.lexsort((np.arange(len(refs)), times, refs))
    refs, times, values = refs[order], times[order], values[order]
    new = np.append(True, (refs[1:] != refs[:-1]) | (times[1:] != times[:-1]))
    refs, times, values = refs[new], times[new], values[new]
    borders = np.flatnonzero(refs[1:] != refs[:-1]) + 1
    parts = zip(
        np.split(refs, borders), np.split(times, borders), np.split(values, borders), strict=True
    )
    for ref, at, value in parts:
        yield int(ref[0]), at, value


def _ends(lines: list[str]) -> bool:
    """Whether the end mark is among the lines, which it is taken out of."""
    if _END not in lines:
        return False
    check_end(lines)
    return True
