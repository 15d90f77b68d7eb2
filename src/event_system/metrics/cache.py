"""What the cache finds, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from event_system.metrics.manager import MetricsManager

BUCKETS: Final = (0.00001, 0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)


class Numbers(Protocol):
    """What happened since the start; see `cache.cache.CacheNumbers`."""

    memory_hits: int
    remote_hits: int
    misses: int
    load_errors: int
    invalidations: int
    oversized: int

    @property
    def hit_rate(self) -> float: ...


class Memory(Protocol):
    """The first level; see `cache.memory.Memory`."""

    bytes: int
    evicted: int
    expired: int

    def __len__(self) -> int: ...


def watch_cache(
    manager: MetricsManager, *, numbers: Callable[[], Numbers], memory: Callable[[], Memory]
) -> Callable[[str, float], None]:
    """Register what is read at each scrape, on the loop; what comes back takes durations."""
    manager.register_function(
        "counter",
        "cache_hits_total",
        "Values found in the cache, by level: memory or redis.",
        ("level",),
        lambda: {("memory",): numbers().memory_hits, ("redis",): numbers().remote_hits},
    )
    counters: dict[str, tuple[str, Callable[[], float]]] = {
        "cache_misses_total": ("Values that had to be loaded.", lambda: numbers().misses),
        "cache_load_errors_total": ("Loads that failed.", lambda: numbers().load_errors),
        "cache_invalidations_total": (
            "Invalidations, of this node and heard of others.",
            lambda: numbers().invalidations,
        ),
        "cache_oversized_total": (
            "Values over cache.max_value_size, which are not kept.",
            lambda: numbers().oversized,
        ),
        "cache_evictions_total": (
            "Values that left memory for want of room.",
            lambda: memory().evicted,
        ),
        "cache_expirations_total": (
            "Values that left memory as their time was over.",
            lambda: memory().expired,
        ),
    }
    for name, (help_, read) in counters.items():
        _counter(manager, name, help_, read)
    manager.register_gauge_function("cache_entries", "Values in memory.", lambda: len(memory()))
    manager.register_gauge_function(
        "cache_size_bytes", "What the values in memory take.", lambda: memory().bytes
    )
    manager.register_gauge_function(
        "cache_hit_rate", "Look-ups that found a value, in percent.", lambda: numbers().hit_rate
    )
    durations = manager.register_histogram(
        "cache_operations_duration_seconds",
        "Operations of the cache: get, load, invalidate.",
        "operation",
        buckets=BUCKETS,
    )
    return lambda operation, seconds: durations.child(operation).observe(seconds)


def _counter(manager: MetricsManager, name: str, help_: str, read: Callable[[], float]) -> None:
    manager.register_function("counter", name, help_, (), lambda: {(): read()})
