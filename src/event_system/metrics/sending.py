"""The queues of remote write in numbers, under Prometheus' names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeAlias

from event_system.metrics.manager import MetricsManager

PREFIX: Final = "prometheus_remote_storage_"
LABELS: Final = ("remote_name", "url")
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300)
Place: TypeAlias = tuple[str, str]
"""The values of `LABELS`."""


class Tally(Protocol):
    """What became of samples; see `timeseries.collection.views.SendingTally`."""

    @property
    def tried(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def dropped(self) -> int: ...
    @property
    def retried(self) -> int: ...
    @property
    def packed_bytes(self) -> int: ...
    @property
    def newest_taken_ms(self) -> int: ...
    @property
    def newest_sent_ms(self) -> int: ...


class Queue(Protocol):
    """One receiver's; see `timeseries.remote.sending.RemoteWriter`."""

    @property
    def tally(self) -> Tally: ...
    @property
    def queued(self) -> int: ...


_COUNTS: Final[tuple[tuple[str, str, Callable[[Tally], int]], ...]] = (
    ("samples_total", "Samples that were sent, at each attempt.", lambda t: t.tried),
    ("samples_failed_total", "Samples that a receiver refused for good.", lambda t: t.failed),
    ("samples_dropped_total", "Samples that the queue had no room for.", lambda t: t.dropped),
    ("samples_retried_total", "Samples of attempts that failed.", lambda t: t.retried),
    ("bytes_total", "Bytes of requests that came to an end, packed.", lambda t: t.packed_bytes),
)


def register_batches(manager: MetricsManager) -> Callable[[Place], Callable[[float], None]]:
    """Register how long requests take; what is to be told the seconds of each of a receiver."""
    seconds = manager.register_histogram(
        f"{PREFIX}sent_batch_duration_seconds",
        "Time until a request came to an end, with all attempts.",
        *LABELS,
        buckets=BUCKETS,
    )
    return lambda place: seconds.child(*place).observe


def watch_sending(manager: MetricsManager, queues: Mapping[Place, Queue]) -> None:
    """Register what is read at each scrape."""
    for name, meaning, count in _COUNTS:
        manager.register_function(
            "counter", PREFIX + name, meaning, LABELS, _of_each(queues, count)
        )
    manager.register_function(
        "gauge",
        f"{PREFIX}samples_pending",
        "Samples that wait, or are under way.",
        LABELS,
        lambda: {place: queue.queued for place, queue in queues.items()},
    )
    manager.register_function(
        "gauge",
        f"{PREFIX}queue_highest_sent_timestamp_seconds",
        "The newest time of a sample that a receiver has taken.",
        LABELS,
        _of_each(queues, lambda tally: tally.newest_sent_ms / 1000),
    )
    manager.register_function(
        "gauge",
        f"{PREFIX}highest_timestamp_in_seconds",
        "The newest time of a sample that is to be sent.",
        (),
        lambda: {(): max((q.tally.newest_taken_ms for q in queues.values()), default=0) / 1000},
    )


def _of_each(
    queues: Mapping[Place, Queue], number: Callable[[Tally], float]
) -> Callable[[], Mapping[tuple[str, ...], float]]:
    return lambda: {place: number(queue.tally) for place, queue in queues.items()}
