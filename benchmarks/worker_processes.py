"""A listener that computes 5 ms an event, in two worker processes and in a thread of the node.

A backlog of events keeps it busy all the time, while new events come in at a constant rate: how many
it handles, and how long the node takes to answer meanwhile.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from benchmarks.harness import Node, node, scratch, wait_for
from benchmarks.load import Load, faults_of, steady, stored
from benchmarks.report import Limit, Run

PER_SECOND = 50
PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Side:
    """What one node did."""

    load: Load
    handled: float


def run(run: Run) -> None:
    backlog = run.scale(2_000, 400)
    rounds = run.rounds(
        {
            "process": lambda: _side(run, backlog, PROCESSES),
            "thread": lambda: _side(run, backlog, 0),
        }
    )
    faults = faults_of(side.load for r in rounds for side in r.values())
    handled = [(r["process"].handled, r["thread"].handled) for r in rounds]
    answers = [(r["process"].load.p99_ms, r["thread"].load.p99_ms) for r in rounds]
    run.ratio("events handled, two processes / thread", handled, "/s", Limit(at_least=1.3), faults)
    what = f"answer p99 at {PER_SECOND} events/s meanwhile, two processes / thread"
    run.ratio(what, answers, "ms", Limit(at_most=1.0), faults)


def _side(run: Run, backlog: int, processes: int) -> Side:
    config = f"event: {{worker_processes: {processes}}}\n"
    with scratch() as directory, node(directory, listeners="heavy", config=config) as at:
        _send(at, PROCESSES * 10)
        wait_for(lambda: at.listener()["lag"] == 0, 60)
        before = int(at.listener()["handled"])
        started = time.perf_counter()
        _send(at, backlog)
        load = stored(at, lambda: steady(at.port, per_second=PER_SECOND, seconds=run.seconds))
        if at.listener()["lag"] == 0:
            load = load.doubted("the listener had nothing left to do before the load had ended")
        wait_for(lambda: at.listener()["lag"] == 0, 120, every=0.02)
        seconds = time.perf_counter() - started
        handled = int(at.listener()["handled"]) - before
        if handled != backlog + load.stored:
            load = load.doubted(f"{backlog + load.stored} events stored, but {handled} handled")
        return Side(load, handled / seconds)


def _send(at: Node, number: int) -> None:
    salt = os.urandom(4).hex()
    events = [
        {"type": "player.level_up", "subject": f"player-{n % 1000:03}", "id": f"{salt}-{n}"}
        for n in range(number)
    ]
    at.post("/api/events/batch", events)
