"""Series in memory that can be added to and queried: the world of a unit test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from event_system.kernel.errors import TooManySamplesError
from event_system.promql.ports import NAME, Labels, Matcher, Samples, Series
from event_system.promql.values import Floats, Ints
from event_system.rules.ports import Sample

_ROOM: Final = 64
"""Samples that a series has room for at first; it doubles."""


class _Growing:
    """One series, at the end of which samples are added."""

    def __init__(self) -> None:
        self.times: Ints = np.empty(_ROOM, np.int64)
        self.values: Floats = np.empty(_ROOM)
        self.length = 0

    def add(self, time_ms: int, value: float) -> None:
        """One more; at the time of the last it takes its place."""
        if self.length and self.times[self.length - 1] == time_ms:
            self.length -= 1
        if self.length == len(self.times):
            self.times = np.resize(self.times, 2 * self.length)
            self.values = np.resize(self.values, 2 * self.length)
        self.times[self.length], self.values[self.length] = time_ms, value
        self.length += 1


class SeriesInMemory:
    """Implements `SampleSource` and `SampleSink`. One thread at a time."""

    def __init__(self) -> None:
        self._series: dict[Labels, _Growing] = {}
        self._by_name: dict[str, list[Labels]] = {}

    def append(self, samples: Sequence[Sample]) -> None:
        for labels, time_ms, value in samples:
            series = self._series.get(labels)
            if series is None:
                series = self._series[labels] = _Growing()
                self._by_name.setdefault(dict(labels).get(NAME, ""), []).append(labels)
            series.add(time_ms, value)

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, most_samples: int
    ) -> Samples:
        found, read = [], 0
        for labels in sorted(self._fitting(matchers)):
            series = self._series[labels]
            times = series.times[: series.length]
            low, high = np.searchsorted(times, (start_ms, end_ms + 1)).tolist()
            read += high - low
            if read > most_samples:
                raise TooManySamplesError(f"more than {most_samples} samples are read")
            if high > low:
                found.append(Series(labels, times[low:high], series.values[low:high]))
        return Samples.of(found)

    def series(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Labels]:
        return self.select(matchers, start_ms, end_ms, 2**62).labels

    def label_names(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[str]:
        return sorted({n for labels in self.series(matchers, start_ms, end_ms) for n, _ in labels})

    def label_values(
        self, name: str, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> list[str]:
        found = self.series(matchers, start_ms, end_ms)
        return sorted({value for labels in found for n, value in labels if n == name})

    def _fitting(self, matchers: Sequence[Matcher]) -> Iterable[Labels]:
        named = [m.value for m in matchers if m.name == NAME and m.op == "="]
        candidates = self._by_name.get(named[0], []) if named else list(self._series)
        for labels in candidates:
            values = dict(labels)
            if all(matcher.matches(values.get(matcher.name, "")) for matcher in matchers):
                yield labels
