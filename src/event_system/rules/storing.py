"""Stores the results of rules in a time-series store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from event_system.promql.ports import Labels
from event_system.promql.values import Floats, Ints
from event_system.rules.ports import Sample


class Appends(Protocol):
    """A store that takes columns; see `timeseries.store.Store`."""

    def append(self, labels: Sequence[Labels], times: Ints, values: Floats) -> int:
        """Store samples, one of each series named; how many were taken."""


class StoredResults:
    """Implements `SampleSink`."""

    def __init__(self, store: Appends) -> None:
        self._store = store

    def append(self, samples: Sequence[Sample]) -> None:
        if not samples:
            return
        self._store.append(
            [sample.labels for sample in samples],
            np.array([sample.time_ms for sample in samples], np.int64),
            np.array([sample.value for sample in samples], np.float64),
        )
