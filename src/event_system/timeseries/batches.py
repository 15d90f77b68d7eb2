"""Samples of many series on their way in: three columns, one place of each is one sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from event_system.timeseries.columns import Times, Values
from event_system.timeseries.index import Refs, begins


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples by series number. A series may come several times."""

    refs: Refs
    times: Times
    values: Values

    def __len__(self) -> int:
        return len(self.refs)

    def where(self, mask: NDArray[np.bool_]) -> Batch:
        """Those of the samples that the mask has."""
        if mask.all():
            return self
        return Batch(self.refs[mask], self.times[mask], self.values[mask])

    def parts(self, most: int) -> Iterator[Batch]:
        """The same in order, in parts of at most so many samples."""
        for at in range(0, len(self), most):
            part = slice(at, at + most)
            yield Batch(self.refs[part], self.times[part], self.values[part])

    def runs(self) -> Runs:
        """The same series by series, each in its order."""
        order = np.argsort(self.refs, kind="stable")
        refs = self.refs[order]
        starts = np.flatnonzero(begins(refs))
        lengths = np.diff(np.append(starts, len(refs)))
        return Runs(refs[starts], starts, lengths, order, self.times[order], self.values[order])

    def newer_than(self, newest_ms: Times) -> Fresh:
        """The samples that are later than all before of their series; `newest_ms` is by number.

        The running maximum of every series in one pass: times become ranks, so that those of a
        later series are above all of an earlier one, and each series begins with its newest.
        """
        runs = self.runs()
        if len(runs.refs) == len(self):  # as mostly: one sample of each series
            newest = newest_ms[self.refs]
            return Fresh(self.times > newest, self.times == newest)
        times = np.insert(runs.times, runs.starts, newest_ms[runs.refs])
        distinct, ranks = np.unique(times, return_inverse=True)
        series = np.arange(len(runs.refs))
        ranks += np.repeat(series * len(distinct), runs.lengths + 1)
        highest = np.maximum.accumulate(ranks)
        at = np.arange(len(self)) + np.repeat(series + 1, runs.lengths)
        later, same = np.empty(len(self), bool), np.empty(len(self), bool)
        later[runs.order] = ranks[at] > highest[at - 1]
        same[runs.order] = ranks[at] == highest[at - 1]
        return Fresh(later, same)


@dataclass(frozen=True, slots=True)
class Runs:
    """Samples of one series after the other: `times` and `values` are `lengths` long at `starts`.

    No number comes twice in `refs`, and they rise; `order` has the place of each sample before.
    """

    refs: Refs
    starts: NDArray[np.intp]
    lengths: NDArray[np.intp]
    order: NDArray[np.intp]
    times: Times
    values: Values

    @property
    def last_ms(self) -> Times:
        """The time of each series' last sample."""
        last: Times = self.times[self.starts + self.lengths - 1]
        return last


@dataclass(frozen=True, slots=True)
class Fresh:
    """Which samples of a batch are later than the one before, and which are at its time."""

    later: NDArray[np.bool_]
    same: NDArray[np.bool_]
