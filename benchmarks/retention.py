"""Ten million old events are deleted while 1,000 new ones a second come in.

The quiet side is the same directory without retention, under the same load, in the same round.
"""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.fill import HOUR_US, fill
from benchmarks.harness import Node, node, scratch
from benchmarks.load import Load, faults_of, steady, stored
from benchmarks.report import Limit, Run

PER_SECOND = 1000
OFF = "event: {dedupe_window: 1m}\n"
ON = "event: {dedupe_window: 1m, retention: {max_age: 1m}}\n"
LIMIT_SECONDS = 1800


def run(run: Run) -> None:
    count = run.scale(10_000_000, 800_000)
    seconds = run.seconds if run.quick else run.seconds * 2
    with scratch() as directory:
        fill(directory / "data", count, span_us=HOUR_US, ago_us=HOUR_US)
        rounds = run.rounds(
            {
                "deleting": lambda: _deleting(directory, seconds, count),
                "quiet": lambda: _quiet(directory, seconds),
            }
        )
        pairs = [(r["deleting"].p99_ms, r["quiet"].p99_ms) for r in rounds]
        faults = faults_of(load for r in rounds for load in r.values())
        run.ratio("answer p99, deleting / quiet", pairs, "ms", Limit(at_most=2), faults)
        _until_gone(run, directory, seconds, count)


def _quiet(directory: Path, seconds: int) -> Load:
    with node(directory, config=OFF) as at:
        return _load(at, seconds)


def _deleting(directory: Path, seconds: int, count: int) -> Load:
    """The node begins to delete when it starts; old events have to last for the whole load."""
    with node(directory, config=ON) as at:
        before = _oldest(at)
        load = _load(at, seconds)
        after = _oldest(at)
    if not before < after <= count:
        return load.doubted(f"the oldest of {count} events was {before}, then {after}")
    return load


def _until_gone(run: Run, directory: Path, seconds: int, count: int) -> None:
    """Go on until every old event is deleted; no stretch of the load may be slow."""
    loads: list[Load] = []
    with node(directory, config=ON) as at:
        first, started = _oldest(at), time.perf_counter()
        while not loads or _oldest(at) <= count:
            if time.perf_counter() - started > LIMIT_SECONDS:
                raise RuntimeError(f"old events were still there after {LIMIT_SECONDS} s")
            loads.append(_load(at, seconds))
        rate = max(0, count + 1 - first) / (time.perf_counter() - started)
    times, faults = [load.p99_ms for load in loads], faults_of(loads)
    run.figure(f"answer p99 of every {seconds} s until all were gone", times, "ms", faults)
    run.figure("events deleted under this load", [rate], "/s", faults)


def _load(at: Node, seconds: int) -> Load:
    steady(at.port, per_second=PER_SECOND, seconds=1)
    return stored(at, lambda: steady(at.port, per_second=PER_SECOND, seconds=seconds))


def _oldest(at: Node) -> int:
    found = at.get("/api/events?order=oldest&limit=1&fields=offset")["events"]
    return int(found[0]["offset"])
