"""The process of `timeseries.py`: fills a store, prints what it cost as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

from event_system.promql.ports import Labels, Matcher
from event_system.timeseries.options import StoreOptions
from event_system.timeseries.store import Store

SERIES, STEP_MS = 2000, 10_000


class Clock:
    """The time of the samples."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def now_us(self) -> int:
        return self.ms * 1000

    def monotonic(self) -> float:
        return self.ms / 1000


class Machine:
    """What 2,000 series of a node look like: each eighth of them behaves in a way of its own."""

    def __init__(self) -> None:
        self._chance = np.random.default_rng(7)
        self._kind = np.arange(SERIES) % 8
        self.values = np.zeros(SERIES)

    def step(self) -> None:
        chance, n = self._chance, SERIES
        steps = (
            np.zeros(n),
            chance.poisson(30, n),
            chance.random(n) < 0.05,
            np.round(chance.random(n) * 0.03, 6),
            np.round(chance.normal(0, 0.5, n), 1),
            chance.integers(-20, 20, n) * 4096,
            chance.poisson(3, n),
            np.zeros(n),
        )
        self.values = self.values + np.choose(self._kind, steps)


def main() -> None:
    directory, count = Path(sys.argv[1]), int(sys.argv[2])
    clock, machine = Clock(), Machine()
    labels: list[Labels] = [
        (("__name__", f"m{i // 40}"), ("i", str(i)), ("instance", "h:1"), ("job", "bench"))
        for i in range(SERIES)
    ]
    store = Store(directory, StoreOptions(), clock)
    spent = 0.0
    for number in range(count):
        clock.ms += STEP_MS
        machine.step()
        times = np.full(SERIES, clock.ms)
        began = time.process_time()
        store.append(labels, times, machine.values)
        store.sync()
        if number % 6 == 0:
            store.maintain()
        spent += time.process_time() - began
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = store.bytes / (count * SERIES)
    began = time.perf_counter()
    read = store.select([Matcher("__name__", "=~", "m([0-9]|1[01])")], 0, 2**62, 10**9)
    read_ms = (time.perf_counter() - began) * 1000
    assert len(read.labels) == 480
    store._directory.close()  # as if it were killed
    began = time.perf_counter()
    Store(directory, StoreOptions(), clock).close()
    open_ms = (time.perf_counter() - began) * 1000
    seconds = count * STEP_MS / 1000
    print(
        json.dumps(
            {
                "bytes": size,
                "rss": rss,
                "share": 100 * spent / seconds,
                "rate": count * SERIES / spent,
                "read_ms": read_ms,
                "open_ms": open_ms,
            }
        )
    )


if __name__ == "__main__":
    main()
