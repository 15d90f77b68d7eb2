"""What was read, series by series or all at once, as the samples of an answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np

from event_system.promql.ports import Labels, Samples, Series
from event_system.timeseries.columns import Times, Values
from event_system.timeseries.head import Window
from event_system.timeseries.merging import joined


def of_head(window: Window, labels: Sequence[Labels | None]) -> Samples:
    """Samples that are all in the head; `labels` are by number."""
    lengths = np.diff(window.ends, prepend=0)
    there = np.flatnonzero(lengths)
    named = _named(window.refs[there].tolist(), labels)
    order = np.array(sorted(range(len(named)), key=named.__getitem__), np.int64)
    lengths = lengths[there][order]
    starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
    begins = window.ends[there][order] - lengths
    places = np.repeat(begins - starts[:-1], lengths) + np.arange(len(window))
    sorted_labels = [named[place] for place in order.tolist()]
    return Samples(sorted_labels, window.times[places], window.values[places], starts)


def of_parts(
    parts: Iterable[tuple[int, Times, Values]], labels: Sequence[Labels | None]
) -> Samples:
    """Samples of series in parts; of those of a series at the same time the first part's counts."""
    found: dict[int, list[tuple[Times, Values]]] = {}
    for ref, times, values in parts:
        if len(times):
            found.setdefault(ref, []).append((times, values))
    rows = map(Series, _named(found, labels), *zip(*map(joined, found.values()), strict=True))
    return Samples.of(sorted(rows, key=lambda row: row.labels))


def _named(refs: Iterable[int], labels: Sequence[Labels | None]) -> list[Labels]:
    """The label sets of numbers in use."""
    return cast("list[Labels]", [labels[ref] for ref in refs])
