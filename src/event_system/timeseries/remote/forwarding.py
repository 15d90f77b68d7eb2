"""Storing samples, and sending them on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from event_system.kernel.errors import StorageError
from event_system.promql.ports import Labels
from event_system.timeseries.collection.ports import RemoteWriting
from event_system.timeseries.columns import Times, Values


class Accepting(Protocol):
    """A store that says what it took; see `store.Store.accept`."""

    def accept(self, labels: Sequence[Labels], times: Times, values: Values) -> NDArray[np.bool_]:
        """Store samples; which were taken. Raises `StorageError`."""


class Forwarding:
    """An `Appending` over a store and receivers.

    What the store refuses is not sent, or nodes that send to each other would never end. What it
    cannot write for its disk's sake is.
    """

    def __init__(self, store: Accepting, writers: Sequence[RemoteWriting]) -> None:
        self._store = store
        self._writers = writers

    def append(self, labels: Sequence[Labels], times: Times, values: Values) -> int:
        try:
            taken = self._store.accept(labels, times, values)
        except StorageError:
            self._send(labels, times, values)
            raise
        self._send([*compress(labels, taken)], times[taken], values[taken])
        return int(taken.sum())

    def _send(self, labels: Sequence[Labels], times: Times, values: Values) -> None:
        for writer in self._writers:
            writer.take(labels, times, values)
