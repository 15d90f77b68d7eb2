"""The newest samples, in memory: pages of a few samples, chained by series.

The room for all pages is asked of the system at once; it becomes memory page by page, as samples
come. Appending is the same few array operations for one sample as for a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from event_system.timeseries.batches import Runs
from event_system.timeseries.columns import Times, Values
from event_system.timeseries.index import NEVER, Refs

PAGE: Final = 32
"""Samples of a page."""
_NONE: Final = -1


class Head:
    """Samples by series number."""

    def __init__(self, samples: int, series: int) -> None:
        pages = samples // PAGE + series
        self._times: NDArray[np.int64] = np.empty((pages, PAGE), np.int64)
        self._values: NDArray[np.float64] = np.empty((pages, PAGE), np.float64)
        self._before: NDArray[np.int32] = np.empty(pages, np.int32)
        self._used = 0
        self._page: NDArray[np.int32] = np.full(1024, _NONE, np.int32)
        self._count: NDArray[np.int32] = np.zeros(1024, np.int32)
        self._first: NDArray[np.int64] = np.full(1024, NEVER)
        self.samples = 0
        self.min_ms: int | None = None
        self.max_ms: int | None = None

    def has_room(self, samples: int, series: int) -> bool:
        """Whether so many samples of so many series find a place."""
        return len(self._before) - self._used >= samples // PAGE + series

    def enlarge(self) -> None:
        """Room for twice as much."""
        self._times = np.concatenate([self._times, np.empty_like(self._times)])
        self._values = np.concatenate([self._values, np.empty_like(self._values)])
        self._before = np.concatenate([self._before, np.empty_like(self._before)])

    @property
    def span_ms(self) -> int:
        return 0 if self.min_ms is None or self.max_ms is None else self.max_ms - self.min_ms

    def append(self, runs: Runs) -> None:
        """Samples of series, each rising and later than those before."""
        if not len(runs.refs):
            return
        self._make_known(int(runs.refs.max()))
        counts = self._count[runs.refs]
        new = counts == 0
        self._first[runs.refs[new]] = runs.times[runs.starts[new]]
        places = np.arange(len(runs.times)) + np.repeat(counts - runs.starts, runs.lengths)
        pages = self._pages(runs, places)
        self._times[pages, places % PAGE] = runs.times
        self._values[pages, places % PAGE] = runs.values
        self._count[runs.refs] = counts + runs.lengths
        self.samples += len(runs.times)
        low, high = int(runs.times.min()), int(runs.times.max())
        self.min_ms = low if self.min_ms is None else min(self.min_ms, low)
        self.max_ms = high if self.max_ms is None else max(self.max_ms, high)

    def _make_known(self, ref: int) -> None:
        while ref >= len(self._page):
            size = len(self._page)
            self._page = np.concatenate([self._page, np.full(size, _NONE, np.int32)])
            self._count = np.concatenate([self._count, np.zeros(size, np.int32)])
            self._first = np.concatenate([self._first, np.full(size, NEVER)])

    def _pages(self, runs: Runs, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The page of each sample: its series' newest, or fresh ones that go after it."""
        counts = self._count[runs.refs].astype(np.int64)
        newest = self._page[runs.refs].astype(np.int64)
        had = _pages_of(counts)
        more = _pages_of(counts + runs.lengths) - had
        firsts = self._used + np.cumsum(more) - more
        self._chain(runs.refs[more > 0], firsts[more > 0], more[more > 0])
        nth = places // PAGE - np.repeat(had, runs.lengths)
        fresh = np.repeat(firsts, runs.lengths) + nth
        return np.where(nth < 0, np.repeat(newest, runs.lengths), fresh)

    def _chain(self, refs: Refs, firsts: NDArray[np.int64], more: NDArray[np.int64]) -> None:
        """Take so many fresh pages for each of the series."""
        used = self._used
        self._used += int(more.sum())
        self._before[used : self._used] = np.arange(used - 1, self._used - 1)
        self._before[firsts] = self._page[refs]
        self._page[refs] = firsts + more - 1

    def refs(self) -> Refs:
        """The series that have samples here, by rising number."""
        return np.flatnonzero(self._count)

    def overlapping(self, refs: Refs, newest_ms: Times, start_ms: int, end_ms: int) -> Refs:
        """Those of the series whose first sample here and newest lie around the span."""
        here = refs[refs < len(self._page)]
        here = here[self._count[here] > 0]
        return here[(self._first[here] <= end_ms) & (newest_ms[here] >= start_ms)]

    def by_extent(self, refs: Refs) -> Refs:
        """The series in such an order that those with equal times are neighbours."""
        counts = self._count[refs]
        last = self._times[self._page[refs], (counts - 1) % PAGE]
        return refs[np.lexsort((refs, counts, last, self._first[refs]))]

    def read(self, ref: int) -> tuple[Times, Values]:
        """A copy of one series' samples; of one that has some."""
        chain, page = [], int(self._page[ref])
        while page != _NONE:
            chain.append(page)
            page = int(self._before[page])
        chain.reverse()
        count = int(self._count[ref])
        return self._times[chain].reshape(-1)[:count], self._values[chain].reshape(-1)[:count]

    def window(self, refs: Refs, start_ms: int, end_ms: int) -> Window:
        """A copy of the samples in the span (both ends included), of series that have some here.

        The chains of all series are followed together, from their newest pages back to the one
        that reaches the span's start: as many steps as the longest has pages there.
        """
        series, pages, filled = self._chains(refs, start_ms)
        times = self._times[pages]
        wanted = (times >= start_ms) & (times <= end_ms) & (np.arange(PAGE) < filled[:, None])
        counts = np.bincount(series, wanted.sum(axis=1), len(refs)).astype(np.int64)
        return Window(refs, np.cumsum(counts), times[wanted], self._values[pages][wanted])

    def _chains(
        self, refs: Refs, start_ms: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
        """The pages that may reach a moment, series by series and oldest first.

        For each page: the place of its series in `refs`, its number, and how many samples it has.
        """
        series = np.arange(len(refs))
        pages, left = self._page[refs], self._count[refs].astype(np.int64)
        chains = []
        while len(series):
            filled = (left - 1) % PAGE + 1
            chains.append((series, pages, filled))
            left = left - filled
            more = (left > 0) & (self._times[pages, 0] > start_ms)
            series, left, pages = series[more], left[more], self._before[pages[more]]
        if not chains:
            return series, pages, left
        chains.reverse()
        all_series, all_pages, all_filled = (
            np.concatenate(each) for each in zip(*chains, strict=True)
        )
        order = np.argsort(all_series, kind="stable")
        return all_series[order], all_pages[order], all_filled[order]


@dataclass(frozen=True, slots=True)
class Window:
    """Samples of series, one after the other: those of the last of `refs` end at the last of `ends`."""

    refs: Refs
    ends: NDArray[np.int64]
    times: Times
    values: Values

    def __len__(self) -> int:
        return len(self.times)

    def parts(self) -> Iterator[tuple[int, Times, Values]]:
        """Series by series, those without samples left out."""
        begin = 0
        for ref, end in zip(self.refs.tolist(), self.ends.tolist(), strict=True):
            if end > begin:
                yield ref, self.times[begin:end], self.values[begin:end]
            begin = end


def _pages_of(samples: NDArray[np.int64]) -> NDArray[np.int64]:
    return (samples + (PAGE - 1)) // PAGE
