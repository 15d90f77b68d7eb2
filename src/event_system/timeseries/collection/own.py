"""The node's own metrics: copied on the loop in slices, stored in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from itertools import islice
from typing import Final, TypeAlias

import numpy as np

from event_system.kernel.clock import Clock
from event_system.promql.ports import NAME, Labels
from event_system.timeseries.collection.jobs import EXPORTED
from event_system.timeseries.collection.recording import Appending, Recorder

Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
Samples: TypeAlias = Callable[[], Iterable[tuple[Key, float]]]
SLICE: Final = 2000
"""Samples that are copied before other work of the loop has its turn: under a millisecond."""


class OwnMetrics:
    """One round of the node's own samples at a time, with the labels of the node.

    They are stored in a thread of `threads`.
    """

    def __init__(
        self,
        samples: Samples,
        node: dict[str, str],
        store: Appending,
        clock: Clock,
        threads: Executor,
    ) -> None:
        self._samples = samples
        self._threads = threads
        self._node = node
        self._clock = clock
        self._recorder = Recorder(store, node)
        self._labels: dict[Key, Labels] = {}

    async def collect(self) -> None:
        """Take the values of now and store them. Raises `StorageError`."""
        now_ms, began = self._clock.now_us() // 1000, self._clock.monotonic()
        keys: list[Key] = []
        values: list[float] = []
        rows = iter(self._samples())
        while part := list(islice(rows, SLICE)):
            keys += [key for key, _ in part]
            values += [value for _, value in part]
            await asyncio.sleep(0)
        seconds = self._clock.monotonic() - began
        await asyncio.get_running_loop().run_in_executor(
            self._threads, self._store, now_ms, seconds, keys, values
        )

    def _store(self, now_ms: int, seconds: float, keys: list[Key], values: list[float]) -> None:
        if len(self._labels) > 2 * len(keys) + 1000:
            self._labels.clear()  # series come and go
        labels = [self._labels.get(key) or self._label(key) for key in keys]
        report = {
            "up": 1.0,
            "scrape_duration_seconds": seconds,
            "scrape_samples_scraped": len(keys),
            "scrape_samples_post_metric_relabeling": len(keys),
            "scrape_series_added": self._recorder.added(labels),
        }
        times = np.full(len(keys), now_ms, np.int64)
        self._recorder.record(now_ms, labels, times, np.array(values, np.float64), set(), report)

    def _label(self, key: Key) -> Labels:
        name, given = key
        own = {EXPORTED + n if n in self._node else n: value for n, value in given if value}
        labels = self._labels[key] = tuple(sorted({**own, **self._node, NAME: name}.items()))
        return labels
