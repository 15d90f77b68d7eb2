"""Stores of samples in tests, and the one question that all of them are asked."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np

from event_system.promql.ports import Labels, Matcher
from event_system.timeseries.options import StoreOptions
from event_system.timeseries.store import Store

BASE_MS = 1_800_000_000_000
ALL = Matcher("__name__", "!=", "")
Points: TypeAlias = dict[Labels, dict[int, int]]
"""By series and time: the bits of the value."""


class StoreClock:
    """A clock whose both hands a test moves, in milliseconds."""

    def __init__(self, ms: int = BASE_MS) -> None:
        self.ms = ms
        self.passed_ms = 0

    def now_us(self) -> int:
        return self.ms * 1000

    def monotonic(self) -> float:
        return self.passed_ms / 1000

    def pass_ms(self, ms: int) -> None:
        self.ms += ms
        self.passed_ms += ms


def labels(name: str, **others: str) -> Labels:
    return tuple(sorted({"__name__": name, **others}.items()))


def opened(path: Path, clock: StoreClock | None = None, **options: int) -> Store:
    small = {"most_series": 1000, "head_samples": 4096, **options}
    return Store(path, StoreOptions(**small), clock or StoreClock())


def put(store: Store, points: list[tuple[Labels, int, float]]) -> int:
    """Append samples of (labels, milliseconds, value)."""
    series, times, values = zip(*points, strict=True)
    return store.append(list(series), np.array(times, np.int64), np.array(values, np.float64))


def contents(store: Store, start_ms: int = 0, end_ms: int = 2**62) -> Points:
    """Everything in a span."""
    found = store.select([ALL], start_ms, end_ms, 10**9)
    return {
        each.labels: dict(
            zip(each.times.tolist(), each.values.view(np.uint64).tolist(), strict=True)
        )
        for each in found
    }


def bits(value: float) -> int:
    return int(np.array([value], np.float64).view(np.uint64)[0])
