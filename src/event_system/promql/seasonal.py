"""What a series is like at an hour of the week: its usual value, its spread, what comes next.

Prometheus does not have these functions. A season (a week) has slots (hours, from 1970 on in
UTC); what is usual at a moment are the samples of its slot in the seasons before. Values that are
no numbers do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from event_system.kernel.errors import PromqlError, TooManySamplesError
from event_system.promql.overtime import quantiles
from event_system.promql.ports import Samples
from event_system.promql.samples import Layout, Windows, in_parts, upto, written_out
from event_system.promql.values import Bools, Floats, Ints

_WEEK_SECONDS: Final = 604_800.0
_HOUR_SECONDS: Final = 3_600.0
_MOST_SECONDS: Final = 1e10
_MOST_SEASONS: Final = 1_000
"""Seasons of a window."""
_MOST_PIECES: Final = 20_000_000
"""Slots that are looked up at one step."""
_MOST_PAIRS: Final = 5_000_000
"""Pairs of slots that make one trend."""
_LIKE_NORMAL: Final = 1.4826
"""Times the median distance from the median: a normal distribution's standard deviation."""


class _Season(NamedTuple):
    """How long it is and its slots are, and how many of them a window touches."""

    length_ms: int
    slot_ms: int
    seasons: int


def seasonal_baseline(windows: Windows, *season: Floats) -> tuple[Floats, Bools]:
    """The median of the samples in the same slot of earlier seasons."""
    return _over_earlier(windows, season, 1, _median)


def seasonal_spread(windows: Windows, *season: Floats) -> tuple[Floats, Bools]:
    """How far these samples are from their median: 1.4826 times the median distance.

    Needs samples of two earlier seasons.
    """
    return _over_earlier(windows, season, 2, lambda part: _spread(part, _median(part)))


def seasonal_score(windows: Windows, *season: Floats) -> tuple[Floats, Bools]:
    """How many spreads the newest sample is above the baseline; 0 where it equals that.

    Needs samples of two earlier seasons, and a newest one that is not older than a slot.
    """
    windows = _of_numbers(windows)
    slot_ms = _season_of(windows, season).slot_ms
    last = windows.last()

    def score(part: Layout) -> Floats:
        median = _median(part)
        away = windows.samples.values[last.ravel()[part.windows]] - median
        return np.where(away == 0, 0.0, away / _spread(part, median))

    values, present = _over_earlier(windows, season, 2, score)
    if not windows.samples.times.size:
        return values, present
    return values, present & (windows.samples.times[last] >= windows.ends - slot_ms)


def seasonal_forecast(windows: Windows, seconds: Floats, *given: Floats) -> tuple[Floats, Bools]:
    """The value expected `seconds` after the moment of evaluation.

    It is the median, over the seasons of the window, of the mean of the slot of that moment, each
    carried on along the trend. The trend is the median of the differences of the same slot's means
    in any two seasons, after Hirsch, Slack and Smith, "Techniques of Trend Analysis for Monthly
    Water Quality Data", Water Resources Research 18 (1982), so that no season looks like a trend.
    """
    season = _season_of(windows, given)
    windows = _of_numbers(windows)
    slots = season.length_ms // season.slot_ms
    rows = -(-(_span(windows) // season.slot_ms + 2) // slots)
    room = rows * (rows + 1) // 2 * slots
    if room > _MOST_PAIRS:
        raise PromqlError(
            f"seasonal_forecast() would compare {room} pairs of slots; {_MOST_PAIRS} are "
            "allowed: a shorter range or longer slots have fewer"
        )
    shape = windows.low.shape
    result = np.full(windows.low.size, np.nan)
    ends = np.broadcast_to(windows.ends // season.slot_ms, shape).ravel()
    wanted = np.where(np.abs(seconds) <= _MOST_SECONDS, seconds, np.nan)
    targets = np.broadcast_to(windows.steps + wanted * 1000, shape).ravel()
    for chosen, part in _Slots(windows, season.slot_ms).parts(2, room):
        cells = _Cells(part, ends[chosen], season.slot_ms, (rows, slots))
        result[chosen] = cells.carried_on(targets[chosen], season)
    return result.reshape(shape), ~np.isnan(result).reshape(shape)


# The slots of a moment


def _season_of(windows: Windows, given: tuple[Floats, ...]) -> _Season:
    lengths = [_milliseconds(seconds) for seconds in given]
    defaults = [round(_WEEK_SECONDS * 1000), round(_HOUR_SECONDS * 1000)]
    length, slot = [*lengths, *defaults[len(lengths) :]]
    span = _span(windows)
    if length % slot:
        raise PromqlError(
            f"a season of {length / 1000:g} s is no multiple of slots of {slot / 1000:g} s"
        )
    if span < length:
        raise PromqlError(
            f"a range of {span / 1000:g} s is shorter than a season of {length / 1000:g} s"
        )
    count = -(-span // length)
    if count > _MOST_SEASONS:
        raise PromqlError(f"a range of {count} seasons; {_MOST_SEASONS} are allowed")
    return _Season(length, slot, count)


def _milliseconds(seconds: Floats) -> int:
    first = float(seconds[0])
    if not (seconds == first).all() or not 0.001 <= first <= _MOST_SECONDS:
        raise PromqlError("a season and its slots are a constant number of seconds, above 0")
    return round(first * 1000)


def _span(windows: Windows) -> int:
    return int(windows.ends[0] - windows.begins[0])


def _of_numbers(windows: Windows) -> Windows:
    """The windows without the samples that are no numbers."""
    samples = windows.samples
    numbers = ~np.isnan(samples.values)
    if numbers.all():
        return windows
    before: Ints = np.concatenate((np.zeros(1, np.int64), np.cumsum(numbers)))
    kept = Samples(
        samples.labels, samples.times[numbers], samples.values[numbers], before[samples.starts]
    )
    return replace(windows, samples=kept, low=before[windows.low], high=before[windows.high])


# The same slot in earlier seasons


def _over_earlier(
    windows: Windows, given: tuple[Floats, ...], least: int, how: Callable[[Layout], Floats]
) -> tuple[Floats, Bools]:
    """A number for each window that has samples of `least` earlier seasons in its slot."""
    season = _season_of(windows, given)
    windows = _of_numbers(windows)
    result = np.zeros(windows.low.size)
    present = np.zeros(windows.low.size, np.bool_)
    for part in _earlier(windows, season, least):
        result[part.windows] = how(part)
        present[part.windows] = True
    shape = windows.low.shape
    return result.reshape(shape), present.reshape(shape)


def _earlier(windows: Windows, season: _Season, least: int) -> Iterator[Layout]:
    """The samples of each window that count, some steps at a time."""
    series, steps = windows.low.shape
    pieces = series * season.seasons
    if pieces > _MOST_PIECES:
        raise TooManySamplesError(
            f"{series} series over {season.seasons} seasons are more than {_MOST_PIECES} slots"
        )
    at_once = max(1, _MOST_PIECES // 10 // max(pieces, 1))
    for first in range(0, steps, at_once):
        yield from _at_steps(windows, season, least, slice(first, first + at_once))


def _at_steps(windows: Windows, season: _Season, least: int, chosen: slice) -> Iterator[Layout]:
    """Only what is used is laid out: a slot of each season, found by search."""
    ages = np.arange(season.seasons, 0, -1) * season.length_ms
    now = windows.ends[chosen] // season.slot_ms * season.slot_ms
    begins = (now[:, None] - ages).ravel()
    shape = len(windows.low), len(now), season.seasons
    low = upto(windows.samples, begins, inclusive=False).reshape(shape)
    high = upto(windows.samples, begins + season.slot_ms, inclusive=False).reshape(shape)
    low = np.maximum(low, windows.low[:, chosen, None])
    high = np.minimum(high, windows.high[:, chosen, None])
    counts = np.maximum(high - low, 0).reshape(-1, season.seasons)
    firsts = low.reshape(counts.shape)
    numbers = np.arange(windows.low.size).reshape(windows.low.shape)[:, chosen].ravel()
    there = np.flatnonzero((counts > 0).sum(axis=1) >= least)
    for some in in_parts(counts[there].sum(axis=1)):
        windows.check()
        group = there[some]
        yield written_out(windows.samples, numbers[group], firsts[group], counts[group])


def _median(part: Layout) -> Floats:
    return quantiles(part, np.full(len(part.windows), 0.5))


def _spread(part: Layout, median: Floats) -> Floats:
    away = np.abs(part.values - median[part.owner])
    return _LIKE_NORMAL * _median(part._replace(values=away))


# The forecast


class _Sums(NamedTuple):
    """Slots that have samples: how many, their values and their times in the slot added up.

    `owner` is the place of the window that each belongs to.
    """

    owner: Ints
    slots: Ints
    counts: Ints
    values: Floats
    times: Floats


class _Slots:
    """The samples of windows added up by slots: each slot once, for all windows that have it whole."""

    def __init__(self, windows: Windows, slot_ms: int) -> None:
        samples = windows.samples
        slots = samples.times // slot_ms
        begins = np.ones(len(slots), np.bool_)
        begins[1:] = slots[1:] != slots[:-1]
        begins[samples.starts[:-1][np.diff(samples.starts) > 0]] = True
        self._windows = windows
        self._slot_ms = slot_ms
        self._number = np.cumsum(begins) - 1
        self._low = np.flatnonzero(begins)
        self._high = np.append(self._low[1:], len(slots))
        self._slots = slots[self._low]
        self._values = np.asarray(np.bincount(self._number, samples.values), np.float64)
        since = samples.times - slots * slot_ms
        self._times = np.asarray(np.bincount(self._number, since), np.float64)

    def parts(self, least: int, room: int) -> Iterator[tuple[Ints, _Sums]]:
        """As `Windows.layouts`: numbers of windows, and their sums."""
        low, high = self._windows.low.ravel(), self._windows.high.ravel()
        windows = np.flatnonzero(high - low >= least)
        low, high = low[windows], high[windows]
        first, last = self._number[low], self._number[high - 1]
        edges = self._high[first] - self._low[first] + self._high[last] - self._low[last]
        for some in in_parts(np.maximum(last - first + 1 + edges, room)):
            self._windows.check()
            yield windows[some], self._sums(low[some], high[some], first[some], last[some])

    def _sums(self, low: Ints, high: Ints, first: Ints, last: Ints) -> _Sums:
        lengths = last - first + 1
        before = np.cumsum(lengths) - lengths
        found = np.repeat(first - before, lengths) + np.arange(int(lengths.sum()))
        counts, values = (self._high - self._low)[found], self._values[found]
        sums = _Sums(
            np.repeat(np.arange(len(low)), lengths),
            self._slots[found],
            counts,
            values,
            self._times[found],
        )
        self._cut(sums, before, low, np.minimum(high, self._high[first]))
        self._cut(sums, before + lengths - 1, np.maximum(low, self._low[last]), high)
        return sums

    def _cut(self, sums: _Sums, at: Ints, low: Ints, high: Ints) -> None:
        """Put right the slots `at`, of which the windows have only the samples `low:high`."""
        cut = np.flatnonzero(high - low != sums.counts[at])
        samples, counts = self._windows.samples, (high - low)[cut]
        layout = written_out(samples, cut, low[cut, None], counts[:, None])
        since = layout.times % self._slot_ms
        at = at[cut]
        sums.counts[at] = counts
        sums.values[at] = np.bincount(layout.owner, layout.values, len(cut))
        sums.times[at] = np.bincount(layout.owner, since, len(cut))


class _Cells:
    """The slots of some windows: (windows, seasons, slots), backwards from where each ends."""

    def __init__(self, part: _Sums, ends: Ints, slot_ms: int, shape: tuple[int, int]) -> None:
        self._part = part
        self._ends = ends
        self._slot_ms = slot_ms
        self._shape = len(ends), *shape
        self._place = part.owner * (shape[0] * shape[1]) + ends[part.owner] - part.slots

    def carried_on(self, targets: Floats, season: _Season) -> Floats:
        """What is expected at these moments, one for each window."""
        means = self._means(self._part.values)
        away = (self._part.slots - self._ends[self._part.owner]) * self._slot_ms
        times = self._means(self._part.times + self._part.counts * away)
        known = np.where(np.isnan(targets), 0.0, targets)
        slots = np.floor(known / self._slot_ms).astype(np.int64)
        rows = np.arange(len(means)), slice(None), (self._ends - slots) % self._shape[2]
        ahead = (targets - self._ends * self._slot_ms)[:, None] - times[rows]
        trend = _trend(means) / season.length_ms
        return _middle(means[rows] + trend[:, None] * ahead)

    def _means(self, sums: Floats) -> Floats:
        """The means in each cell, of the sums of the slots; NaN where no sample is."""
        means = np.full(self._shape, np.nan)
        means.ravel()[self._place] = sums / self._part.counts
        return means


def _trend(means: Floats) -> Floats:
    """By how much a slot's mean changes from season to season."""
    changes = [
        ((means[:, :-lag] - means[:, lag:]) / lag).reshape(len(means), -1)
        for lag in range(1, means.shape[1])
    ]
    return _middle(np.concatenate(changes, axis=1))


def _middle(cells: Floats) -> Floats:
    """The median of each row's numbers; NaN where there are none."""
    ordered: Floats = np.sort(cells, axis=1)
    count: Ints = (~np.isnan(cells)).sum(axis=1)
    rows = np.arange(len(cells))
    last = np.maximum(count - 1, 0)
    low: Floats = ordered[rows, last // 2]
    return (low + ordered[rows, np.minimum(count // 2, last)]) / 2
