"""A node at rest, and how soon a new one answers.

Modules are compiled already, as from a node's second start on; the
first one takes about twice as long.
"""

from __future__ import annotations

import time

from benchmarks.harness import node, scratch
from benchmarks.report import ROUNDS, Run

REST_SECONDS = 20


def run(run: Run) -> None:
    run.at_most("start to first accepted event", [_start() for _ in range(5)], 1.5, "s")
    shares, sizes = zip(
        *(_rest(5 if run.quick else REST_SECONDS) for _ in range(ROUNDS)), strict=True
    )
    run.at_most("processor at rest", shares, 1, "%")
    run.at_most("memory at rest (RSS)", sizes, 120, "MiB")


def _start() -> float:
    with scratch() as directory:
        started = time.perf_counter()
        with node(directory, settled=False) as at:
            at.post("/api/events/trigger", {"type": "player.login"})
            return time.perf_counter() - started


def _rest(seconds: int) -> tuple[float, float]:
    """Per cent of a processor, and MiB."""
    with scratch() as directory, node(directory) as at:
        at.get("/health")
        time.sleep(3)
        before = at.cpu_seconds()
        time.sleep(seconds)
        return (at.cpu_seconds() - before) / seconds * 100, at.rss_mib()
