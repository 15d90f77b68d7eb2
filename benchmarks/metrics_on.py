"""A node with all of its metrics, counted, collected and stored, and one with `metrics.enabled: false`.

Both take single events over HTTP in turns. Processor time is that of the node.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from benchmarks.harness import Node, node, scratch
from benchmarks.load import Load, faults_of, settled, wrk
from benchmarks.report import ROUNDS, Limit, Run

CONFIGS = {"on": "", "off": "metrics: {enabled: false}\n"}
TURNS = 4
"""Loads that a node gets in a round."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One load, and the seconds of the processor that the node took for it."""

    load: Load
    cpu_seconds: float


def run(run: Run) -> None:
    rounds = [_round(run, turn) for turn in range(ROUNDS)]
    faults = faults_of(cost.load for each in rounds for costs in each.values() for cost in costs)
    rates = [(_rate(each["on"]), _rate(each["off"])) for each in rounds]
    times = [(_time(each["on"]), _time(each["off"])) for each in rounds]
    run.ratio("events/s with metrics / without", rates, "/s", Limit(at_least=0.95), faults)
    run.ratio("processor time an event with metrics / without", times, "µs", None, faults)


def _round(run: Run, number: int) -> dict[str, list[Cost]]:
    """New nodes, another one first each time: which one it is counts for more than metrics do."""
    names = list(CONFIGS)[:: -1 if number % 2 else 1]
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    with scratch() as directory, ExitStack() as stack:
        nodes = {
            name: stack.enter_context(
                node(directory / name, config=CONFIGS[name], settled=name == "on")
            )
            for name in names
        }
        for each in nodes.values():
            wrk(each.url, 64, 1)
            settled(each.cpu_seconds)  # all is loaded
        for turn in range(TURNS):
            for name in names[:: -1 if turn % 2 else 1]:
                costs[name].append(_cost(run, nodes[name]))
    return costs


def _cost(run: Run, at: Node) -> Cost:
    before, spent = settled(at.head), at.cpu_seconds()
    load = wrk(at.url, 64, run.seconds // 2)
    spent = at.cpu_seconds() - spent
    load = replace(load, stored=settled(at.head) - before)
    if not 0 <= load.stored - load.accepted <= load.in_flight:
        load = load.doubted(f"{load.accepted} answers, but {load.stored} events stored")
    return Cost(load, spent)


def _rate(costs: Sequence[Cost]) -> float:
    """Events a second."""
    return sum(cost.load.accepted for cost in costs) / sum(cost.load.seconds for cost in costs)


def _time(costs: Sequence[Cost]) -> float:
    """Microseconds an event."""
    return 1e6 * sum(cost.cpu_seconds for cost in costs) / sum(cost.load.stored for cost in costs)
