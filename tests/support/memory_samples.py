"""Samples in memory, behind the port of a query engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from event_system.kernel.errors import TooManySamplesError
from event_system.promql.ports import Labels, Matcher, Samples, Series


def labels_of(pairs: Mapping[str, str]) -> Labels:
    """Labels in their order, without empty ones."""
    return tuple(sorted((name, value) for name, value in pairs.items() if value))


class MemorySamples:
    """A `SampleSource` over series that are given, or appended to one by one."""

    def __init__(self, series: Iterable[Series] = ()) -> None:
        self._series = {one.labels: one for one in series}

    def put(self, labels: Labels, times: Sequence[int], values: Sequence[float]) -> None:
        """Set a whole series."""
        rising = np.asarray(times, np.int64)
        self._series[labels] = Series(labels, rising, np.asarray(values, np.float64))

    def append(self, labels: Labels, time_ms: int, value: float) -> None:
        """Add a sample that is newer than all of its series."""
        old = self._series.get(labels)
        times = [] if old is None else old.times.tolist()
        values = np.empty(0) if old is None else old.values
        self.put(labels, [*times, time_ms], np.append(values, value))  # type: ignore[arg-type]

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, most_samples: int
    ) -> Samples:
        found, read = [], 0
        for labels in sorted(self._fitting(matchers)):
            _, times, values = self._series[labels]
            low, high = np.searchsorted(times, (start_ms, end_ms + 1)).tolist()
            read += high - low
            if read > most_samples:
                raise TooManySamplesError(f"more than {most_samples} (promql.max_samples)")
            if high > low:
                found.append(Series(labels, times[low:high], values[low:high]))
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

    def _fitting(self, matchers: Sequence[Matcher]) -> list[Labels]:
        return [
            labels
            for labels in self._series
            if all(matcher.matches(dict(labels).get(matcher.name, "")) for matcher in matchers)
        ]
