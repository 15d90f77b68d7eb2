"""Samples of many series side by side, and the windows of them that steps look at.

All series lie one after the other in flat arrays, so that one search finds the windows of every
series at every step, and functions over windows need no loop over series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from event_system.promql.ports import Samples, is_stale
from event_system.promql.values import Bools, Floats, Ints, Vector, filled

_CHUNK: Final = 2_000_000
"""Samples of windows that are laid out at a time."""
_AT_ONCE: Final = 50_000_000
"""Samples of windows that are summed up at a time: a fraction of a second."""


def upto(samples: Samples, moments: Ints, *, inclusive: bool) -> Ints:
    """How far each series reaches at each moment: flat places, (series, moments).

    A place is that of the first sample after the moment (or at it, if not `inclusive`).
    """
    if not len(samples.times):
        return np.zeros((len(samples.labels), len(moments)), np.int64)
    side: Final = "right" if inclusive else "left"
    lengths = np.diff(samples.starts)
    if (shared := _shared(samples.times, lengths)) is not None:
        return samples.starts[:-1, None] + np.searchsorted(shared, moments, side)[None, :]
    first, last = int(samples.times.min()), int(samples.times.max())
    wide = last - first + 3
    lanes = np.arange(len(lengths), dtype=np.int64) * wide
    keys = samples.times - (first - 1) + np.repeat(lanes, lengths)
    wanted = np.clip(moments - (first - 1), 0, wide - 1) + lanes[:, None]
    places = np.searchsorted(keys, wanted.ravel(), side)
    return places.reshape(wanted.shape)


def _shared(times: Ints, lengths: Ints) -> Ints | None:
    """The times that all series have in common, if they do."""
    if not len(lengths) or (lengths != lengths[0]).any():
        return None
    table = times.reshape(len(lengths), int(lengths[0]))
    return table[0] if (table == table[0]).all() else None


def without_stale(samples: Samples) -> Samples:
    """The same without the marks of series' ends."""
    stale = is_stale(samples.values)
    if not stale.any():
        return samples
    before: Ints = np.concatenate((np.zeros(1, np.int64), np.cumsum(~stale)))
    times, values = samples.times[~stale], samples.values[~stale]
    return Samples(samples.labels, times, values, before[samples.starts])


def samples_of(vector: Vector, steps: Ints) -> Samples:
    """The values of a vector's rows, and when they are there."""
    vector = filled(vector)
    if vector.present.all():
        count = len(vector.labels)
        starts = np.arange(count + 1) * len(steps)
        return Samples(vector.labels, np.tile(steps, count), vector.values.ravel(), starts)
    row, column = np.nonzero(vector.present)
    starts = np.searchsorted(row, np.arange(len(vector.labels) + 1))
    return Samples(vector.labels, steps[column], vector.values[row, column], starts)


class Layout(NamedTuple):
    """Windows written out: `values` and `times` of one after the other.

    `windows` are their numbers, `owner` the place in `windows` of each sample, `starts` where
    each begins.
    """

    windows: Ints
    times: Ints
    values: Floats
    owner: Ints
    starts: Ints


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of every series at every step.

    `low` and `high` are flat places, (series, steps): a window is `low:high`. `begins` and
    `ends` are its edges in milliseconds and `steps` the moments of evaluation: (steps). `check`
    is called between large pieces of work, and may raise.
    """

    samples: Samples
    low: Ints
    high: Ints
    begins: Ints
    ends: Ints
    steps: Ints
    check: Callable[[], None]

    @property
    def counts(self) -> Ints:
        return self.high - self.low

    @property
    def filled(self) -> Bools:
        return self.high > self.low

    def first(self) -> Ints:
        """The place of the first sample; any place where there is none."""
        return np.minimum(self.low, max(len(self.samples.times) - 1, 0))

    def last(self) -> Ints:
        """The place of the last sample; any place where there is none."""
        return np.maximum(self.high - 1, 0)

    def reduced(self, how: np.ufunc, values: Floats) -> Floats:
        """A reduction of each window's `values`, which are as many as there are samples."""
        padded = np.append(values, values[-1:])
        low, high = self.low.ravel(), self.high.ravel()
        result = np.empty(low.size)
        ends = np.cumsum(high - low)
        done = 0
        while done < len(low):
            self.check()
            until = _until(ends, done, _AT_ONCE)
            edges = np.empty(2 * (until - done), np.int64)
            edges[0::2], edges[1::2] = low[done:until], high[done:until]
            result[done:until] = how.reduceat(padded, edges)[::2]
            done = until
        return result.reshape(self.low.shape)

    def layouts(self, least: int = 1, room: int = 0) -> Iterator[Layout]:
        """The windows that have at least so many samples, written out in parts.

        `room`: how many values the caller makes of a window, if that is more than its samples.
        """
        low, counts = self.low.ravel(), self.counts.ravel()
        windows = np.flatnonzero(counts >= least)
        for some in in_parts(np.maximum(counts[windows], room)):
            self.check()
            part = windows[some]
            yield written_out(self.samples, part, low[part, None], counts[part, None])


def in_parts(sizes: Ints, most: int = _CHUNK) -> Iterator[slice]:
    """Which of things so large to lay out together: at least one."""
    ends = np.cumsum(sizes)
    done = 0
    while done < len(sizes):
        until = _until(ends, done, most)
        yield slice(done, until)
        done = until


def written_out(samples: Samples, windows: Ints, low: Ints, counts: Ints) -> Layout:
    """Windows of pieces: `counts` samples from `low` on, each (windows, pieces)."""
    lengths = counts.ravel()
    before = np.cumsum(lengths) - lengths
    places = np.repeat(low.ravel() - before, lengths) + np.arange(int(lengths.sum()))
    whole = counts.sum(axis=1)
    owner = np.repeat(np.arange(len(windows)), whole)
    starts = np.cumsum(whole) - whole
    return Layout(windows, samples.times[places], samples.values[places], owner, starts)


def _until(ends: Ints, done: int, most: int) -> int:
    """How many windows to take in one go: at least one more, with `most` samples in all."""
    before = int(ends[done - 1]) if done else 0
    return max(done + 1, int(np.searchsorted(ends, before + most, "right")))
