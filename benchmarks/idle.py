"""A node at rest, and how soon a new one answers."""

from __future__ import annotations

import time

from benchmarks.harness import Run, median, node, scratch

NAME = "idle"
REST_SECONDS = 20


def run(run: Run) -> None:
    starts = []
    for _ in range(run.rounds + 2):
        with scratch() as directory:
            started = time.perf_counter()
            with node(directory) as at:
                at.post("/api/events/trigger", b'{"type":"player.login"}')
                starts.append(time.perf_counter() - started)
    run.at_most(NAME, "start to first accepted event", median(starts), 1.5, "s")
    with scratch() as directory, node(directory) as at:
        at.get("/health")
        time.sleep(3)
        before = at.cpu_seconds()
        rest = 5 if run.quick else REST_SECONDS
        time.sleep(rest)
        run.at_most(NAME, "processor at rest", (at.cpu_seconds() - before) / rest * 100, 1, "%")
        run.at_most(NAME, "memory at rest (RSS)", at.rss_mib(), 120, "MiB")
