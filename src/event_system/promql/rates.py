"""How fast a window's values change: rate, increase, delta and their instant forms.

A counter that falls has begun anew: what it had reached is added. The change between the first and
the last sample is extended to the window's edges where the samples come close to them: up to 1.1
average gaps, else by half a gap, and never below a counter's zero.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from event_system.promql.ports import Samples
from event_system.promql.samples import Windows
from event_system.promql.values import Bools, Floats, Ints

_NEAR: Final = 1.1
"""Average gaps between samples and a window's edge up to which the change reaches the edge."""


def rate(windows: Windows) -> tuple[Floats, Bools]:
    """The increase a second."""
    values, present = _extended(windows, counter=True)
    return values / ((windows.ends - windows.begins) / 1000), present


def increase(windows: Windows) -> tuple[Floats, Bools]:
    """The increase over the window."""
    return _extended(windows, counter=True)


def delta(windows: Windows) -> tuple[Floats, Bools]:
    """The difference between the window's ends; for gauges."""
    return _extended(windows, counter=False)


def irate(windows: Windows) -> tuple[Floats, Bools]:
    """The increase a second between the last two samples."""
    newest, before, seconds, present = _last_two(windows)
    change = np.where(newest < before, newest, newest - before)
    return change / np.where(present, seconds, 1.0), present


def idelta(windows: Windows) -> tuple[Floats, Bools]:
    """The difference of the last two samples."""
    newest, before, _, present = _last_two(windows)
    return newest - before, present


def _last_two(windows: Windows) -> tuple[Floats, Floats, Floats, Bools]:
    last = windows.last()
    before = np.maximum(last - 1, 0)
    times, values = windows.samples.times, windows.samples.values
    seconds = (times[last] - times[before]) / 1000
    return values[last], values[before], seconds, (windows.counts >= 2) & (seconds > 0)


def _extended(windows: Windows, *, counter: bool) -> tuple[Floats, Bools]:
    times, values = windows.samples.times, windows.samples.values
    first, last = windows.first(), windows.last()
    present = windows.counts >= 2
    begin = values[first]
    change = values[last] - begin
    if counter:
        change += _lost_at_resets(windows)
    sampled = np.where(present, (times[last] - times[first]) / 1000, 1.0)
    gap = sampled / np.maximum(windows.counts - 1, 1)
    to_start = (times[first] - windows.begins) / 1000
    to_end = (windows.ends - times[last]) / 1000
    if counter:
        rises = (change > 0) & (begin >= 0)
        to_zero = sampled * (begin / np.where(rises, change, 1.0))
        to_start = np.where(rises & (to_zero < to_start), to_zero, to_start)
    reached = sampled + _reach(to_start, gap) + _reach(to_end, gap)
    return change * (reached / sampled), present


def _reach(distance: Floats, gap: Floats) -> Floats:
    return np.where(distance < gap * _NEAR, distance, gap / 2)


def _lost_at_resets(windows: Windows) -> Floats:
    """The sum of the values before each fall within a window."""
    falls = fallen(windows.samples)
    where = np.flatnonzero(falls)
    lost = np.zeros(windows.low.shape)
    if not len(where):
        return lost
    until: Ints = np.concatenate((np.zeros(1, np.int64), np.cumsum(falls)))
    low: Ints = until[np.minimum(windows.low + 1, len(falls))]
    high: Ints = until[windows.high]
    hit = high > low
    edges = np.empty(2 * int(hit.sum()), np.int64)
    edges[0::2], edges[1::2] = low[hit], high[hit]
    before = np.append(windows.samples.values[where - 1], 0.0)
    if len(edges):
        lost[hit] = np.add.reduceat(before, edges)[::2]
    return lost


def fallen(samples: Samples) -> Bools:
    """Which samples are smaller than the one before; also across series, which no window spans."""
    falls = np.zeros(len(samples.values), np.bool_)
    np.less(samples.values[1:], samples.values[:-1], out=falls[1:])
    return falls


def resets(windows: Windows) -> tuple[Floats, Bools]:
    """How often the value fell."""
    return _counted(windows, fallen(windows.samples))


def changes(windows: Windows) -> tuple[Floats, Bools]:
    """How often the value changed; from no number to no number is no change."""
    values = windows.samples.values
    changed = np.zeros(len(values), np.bool_)
    both_nan = np.isnan(values[1:]) & np.isnan(values[:-1])
    changed[1:] = (values[1:] != values[:-1]) & ~both_nan
    return _counted(windows, changed)


def _counted(windows: Windows, marks: Bools) -> tuple[Floats, Bools]:
    """How many samples but the first of each window are marked."""
    until: Ints = np.concatenate((np.zeros(1, np.int64), np.cumsum(marks)))
    low = until[np.minimum(windows.low + 1, len(marks))]
    return (until[windows.high] - low).astype(np.float64), windows.filled
