"""The node's time-series store in numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from event_system.metrics.manager import MetricsManager

REASONS: Final = ("out_of_order", "duplicate", "future", "series_limit", "failed")


class Tally(Protocol):
    """Samples since the start; see `timeseries.tally.Tally`."""

    appended: int
    out_of_order: int
    duplicate: int
    future: int
    series_limit: int
    failed: int


class Storage(Protocol):
    """What is shown of a store; see `timeseries.store.Store`."""

    @property
    def tally(self) -> Tally: ...
    @property
    def bytes(self) -> int: ...
    @property
    def head_series(self) -> int: ...
    @property
    def block_count(self) -> int: ...
    @property
    def damaged_parts(self) -> int: ...


class FileTally(Protocol):
    """Files that name targets; see `timeseries.collection.target_files.FileTally`."""

    @property
    def read_errors(self) -> int: ...
    @property
    def changed_seconds(self) -> Mapping[str, float]: ...


def watch_target_files(manager: MetricsManager, tally: FileTally) -> None:
    """Register what is told of files of `file_sd_configs`, under Prometheus' names."""
    manager.register_function(
        "counter",
        "prometheus_sd_file_read_errors_total",
        "Failed readings of files that name targets.",
        (),
        lambda: {(): tally.read_errors},
    )
    manager.register_function(
        "gauge",
        "prometheus_sd_file_mtime_seconds",
        "When a file that names targets was changed last, as it was read.",
        ("filename",),
        lambda: {(name,): seconds for name, seconds in dict(tally.changed_seconds).items()},
    )


def watch_storage(manager: MetricsManager, store: Callable[[], Storage]) -> None:
    """Register what is read at each scrape, on the loop."""
    manager.register_function(
        "counter",
        "metrics_store_samples_appended_total",
        "Samples that the time-series store took.",
        (),
        lambda: {(): store().tally.appended},
    )
    manager.register_function(
        "counter",
        "metrics_store_samples_refused_total",
        "Samples that the time-series store did not take, by reason.",
        ("reason",),
        lambda: {(reason,): getattr(store().tally, reason) for reason in REASONS},
    )
    gauge = manager.register_gauge_function
    gauge("metrics_store_size_bytes", "What the store takes on the disk.", lambda: store().bytes)
    gauge(
        "metrics_store_series",
        "Series with samples of the last hours.",
        lambda: store().head_series,
    )
    gauge("metrics_store_blocks", "Files of older samples.", lambda: store().block_count)
    gauge(
        "metrics_store_damaged_parts",
        "Parts of the store's files that cannot be read.",
        lambda: store().damaged_parts,
    )
