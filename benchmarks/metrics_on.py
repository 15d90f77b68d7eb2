"""A node with all of its metrics, counted, collected and stored, and one with `metrics.enabled: false`.

Both take single events over HTTP. Processor time is that of the node.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.harness import node, scratch
from benchmarks.load import Load, faults_of, settled, wrk
from benchmarks.report import Limit, Run


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor time of the node is per event."""

    load: Load
    cpu_us: float


def run(run: Run) -> None:
    sides = {"on": lambda: _cost(run, ""), "off": lambda: _cost(run, "metrics: {enabled: false}\n")}
    rounds = run.rounds(sides)
    faults = faults_of(cost.load for r in rounds for cost in r.values())
    rates = [(r["on"].load.per_second, r["off"].load.per_second) for r in rounds]
    times = [(r["on"].cpu_us, r["off"].cpu_us) for r in rounds]
    run.ratio("events/s with metrics / without", rates, "/s", Limit(at_least=0.95), faults)
    run.ratio("processor time an event with metrics / without", times, "µs", faults=faults)


def _cost(run: Run, config: str) -> Cost:
    with scratch() as directory, node(directory, config=config) as at:
        wrk(at.url, 64, 1)
        settled(at.cpu_seconds)  # all is loaded
        before, spent = settled(at.head), at.cpu_seconds()
        load = wrk(at.url, 64, run.seconds)
        spent = at.cpu_seconds() - spent
        load = replace(load, stored=settled(at.head) - before)
        if not 0 <= load.stored - load.accepted <= load.in_flight:
            load = load.doubted(f"{load.accepted} answers, but {load.stored} events stored")
        return Cost(load, spent / load.stored * 1e6)
