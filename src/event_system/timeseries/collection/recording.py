"""Storing a round of one source: its samples, what there is to say of the round, and ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from event_system.promql.ports import NAME, STALE, Labels
from event_system.timeseries.columns import Times, Values


class Appending(Protocol):
    """Where samples go; see `store.Store.append`."""

    def append(self, labels: Sequence[Labels], times: Times, values: Values) -> int:
        """Store one sample of each series named; how many were taken. Raises `StorageError`."""


class Recorder:
    """One source's. A series that a round lacks gets a last sample that ends it."""

    def __init__(self, store: Appending, target: dict[str, str]) -> None:
        """`target` are the labels of what is said of each round."""
        self._store = store
        self._target = target
        self._reports: dict[str, Labels] = {}
        self._alive: set[Labels] = set()
        self._last: list[Labels] = []

    def record(
        self,
        now_ms: int,
        labels: list[Labels],
        times: Times,
        values: Values,
        timed: set[Labels],
        report: dict[str, float],
    ) -> None:
        """Store a round; blocks. Series of `timed` end by their own times. Raises `StorageError`."""
        gone = [] if labels == self._last else sorted(self._alive.difference(labels))
        about = [self._report(name) for name in report]
        other = len(gone) + len(about)
        self._store.append(
            [*labels, *gone, *about],
            np.concatenate([times, np.full(other, now_ms, np.int64)]),
            np.concatenate(
                [values, np.full(len(gone), STALE), np.array([*report.values()], float)]
            ),
        )
        if labels != self._last:
            self._alive, self._last = set(labels) - timed, labels

    def added(self, labels: list[Labels]) -> int:
        """How many of a round's series the round before did not have."""
        return 0 if labels == self._last else len(set(labels).difference(self._last))

    def fail(self, now_ms: int, report: dict[str, float]) -> None:
        """Store that there was no round: every series ends."""
        self.record(now_ms, [], np.empty(0, np.int64), np.empty(0), set(), report)

    def end(self, now_ms: int) -> None:
        """Store the end of everything that there was, reports as well. Raises `StorageError`."""
        last = sorted(self._alive.union(self._reports.values()))
        times = np.full(len(last), now_ms, np.int64)
        self._store.append(last, times, np.full(len(last), STALE))

    def _report(self, name: str) -> Labels:
        if name not in self._reports:
            self._reports[name] = tuple(sorted({**self._target, NAME: name}.items()))
        return self._reports[name]
