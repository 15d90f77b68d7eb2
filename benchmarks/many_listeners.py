"""One async listener, alone and among 1,000 on other types: what an event costs.

Processor time is that of the node, request and listener included.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.harness import node, scratch
from benchmarks.load import Load, drained, faults_of, handled, stored, wrk
from benchmarks.report import Limit, Run


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor time of the node is per event, listener included."""

    load: Load
    cpu_us: float


def run(run: Run) -> None:
    rounds = run.rounds({"among": lambda: _cost(run, "many"), "alone": lambda: _cost(run, "ages")})
    faults = faults_of(cost.load for r in rounds for cost in r.values())
    rates = [(r["among"].load.per_second, r["alone"].load.per_second) for r in rounds]
    times = [(r["among"].cpu_us, r["alone"].cpu_us) for r in rounds]
    what = "among 1,000 / alone"
    run.ratio(f"events/s {what}", rates, "/s", Limit(at_least=0.95), faults)
    run.ratio(f"processor time an event {what}", times, "µs", Limit(at_most=1.05), faults)


def _cost(run: Run, listeners: str) -> Cost:
    with scratch() as directory, node(directory, listeners=listeners) as at:
        wrk(at.url, 64, 1)
        at.get("/health")
        before_load = drained(at)
        spent = 0.0

        def drive() -> Load:
            nonlocal spent
            before = at.cpu_seconds()
            load = wrk(at.url, 64, run.seconds)
            spent = at.cpu_seconds() - before
            return load

        load = handled(at, stored(at, drive), before_load)
        return Cost(load, spent / load.stored * 1e6)
