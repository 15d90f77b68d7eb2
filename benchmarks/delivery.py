"""Stored events reach one async listener: rate, lag, and the time from trigger to handled.

The listener does nothing but note the age of each event, in memory. The first round's load lasts a
minute.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from benchmarks import ages
from benchmarks.harness import Node, node, scratch
from benchmarks.load import Load, drained, faults_of, handled, percentile, steady, stored, wrk
from benchmarks.report import ROUNDS, Limit, Run

SATURATION_SECONDS = 60


@dataclass(slots=True)
class Round:
    """What one node did. Ages are from trigger to handled."""

    quiet: Load
    full: Load
    quiet_p99_ms: float
    full_p99_ms: float
    in_time: int = 0
    lags: list[int] = field(default_factory=list)


def run(run: Run) -> None:
    rounds = [_round(run, SATURATION_SECONDS if turn == 0 else 12) for turn in range(ROUNDS)]
    quiet, full = [r.quiet for r in rounds], [r.full for r in rounds]
    faults = faults_of(full)
    what = "trigger to handled p99"
    slow, fast = [r.quiet_p99_ms for r in rounds], [r.full_p99_ms for r in rounds]
    run.at_most(f"{what} at 1,000 events/s", slow, 10, "ms", faults=faults_of(quiet))
    run.at_most(f"{what} at saturation, 64 connections", fast, 30, "ms", faults=faults)
    run.ratio(
        "handled by the end of the load / accepted, at saturation",
        [(r.in_time, r.full.stored) for r in rounds],
        *("events", Limit(at_least=0.9), faults),
    )
    run.figure("accepted with a listener", [load.per_second for load in full], "/s", faults)
    run.figure("largest lag at saturation", [max(r.lags) for r in rounds], "events", faults)


def _round(run: Run, seconds: int) -> Round:
    with scratch() as directory, node(directory, listeners="ages") as at:
        wrk(at.url, 64, 1)
        noted = drained(at)
        quiet = stored(at, lambda: steady(at.port, per_second=1000, seconds=run.seconds))
        quiet = handled(at, quiet, noted)
        quiet_ages = ages.read(directory, noted)
        noted = drained(at)
        found = Round(quiet, quiet, _p99_ms(quiet_ages), 0.0)
        load = stored(at, lambda: _saturate(at, run.seconds if run.quick else seconds, found))
        found.in_time -= noted
        found.full = handled(at, load, noted)
        found.full_p99_ms = _p99_ms(ages.read(directory, noted))
        return found


def _saturate(at: Node, seconds: int, found: Round) -> Load:
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.5):
            found.lags.append(int(at.listener()["lag"]))

    watcher = threading.Thread(target=watch)
    watcher.start()
    load = wrk(at.url, 64, seconds)
    found.in_time = int(at.listener()["handled"])
    ended.set()
    watcher.join()
    return load


def _p99_ms(found: list[int]) -> float:
    return percentile([us / 1000 for us in found], 0.99)
