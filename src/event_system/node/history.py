"""Older samples into the store of a node that does not run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from event_system.kernel.clock import SystemClock
from event_system.timeseries.collection.history import HistoryImport, Imported
from event_system.timeseries.options import StoreOptions
from event_system.timeseries.store import Store


def import_history(
    lines: Iterable[str], directory: Path, told: Callable[[Imported], None]
) -> Imported:
    """Store what lines of OpenMetrics say; `told` hears of each stretch that is stored.

    Raises `DataDirectoryError` where a node uses the store, `ExpositionError` for a line,
    `StorageError` for the store.
    """
    with closing(Store(directory, StoreOptions(), SystemClock())) as store:
        job = HistoryImport(store, told)
        job.run(lines)
    return job.imported
