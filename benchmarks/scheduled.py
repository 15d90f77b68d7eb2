"""A million events that wait for their time: how exactly they fire, and what they cost.

They are due within a year. Among them, 1,000 a second are due now, at random moments; an async
listener notes how far from its due time each was handled, early or late.
"""

from __future__ import annotations

import random
import time
from typing import Any

from benchmarks import ages
from benchmarks.harness import Node, Session, node, scratch, wait_for
from benchmarks.load import percentile
from benchmarks.report import ROUNDS, Run
from event_system.kernel.clock import rfc3339

BATCH = 1000
PER_SECOND = 1000
LEAD_SECONDS = 4
DAY_SECONDS = 86_400
SECOND_US = 1_000_000


def run(run: Run) -> None:
    count = run.scale(1_000_000, 30_000)
    chosen = random.Random(3)
    with scratch() as directory, node(directory, listeners="due") as at:
        few = count // 4
        faults: list[str] = []
        _store_for_later(at, few, chosen)
        _fire(run, at, chosen, faults)
        few_mib = at.rss_mib()
        started = time.perf_counter()
        _store_for_later(at, count - few, chosen)
        rate = (count - few) / (time.perf_counter() - started)
        run.figure(f"accepted, {BATCH} a batch, until {count:,} wait", [rate], "/s")
        errors = [_fire(run, at, chosen, faults) for _ in range(ROUNDS)]
        what = f"due to handled, {PER_SECOND:,}/s of {count:,}, p99"
        run.at_most(what, errors, 50, "ms", faults=faults)
        what = f"memory with {count:,} waiting, more than with {few:,}"
        run.at_most(what, [at.rss_mib() - few_mib], 16, "MiB")


def _store_for_later(at: Node, count: int, chosen: random.Random) -> None:
    """Store events that are due within a year, but not today."""
    now = time.time()
    with at.session() as session:
        for first in range(0, count, BATCH):
            times = [
                now + chosen.uniform(1, 365) * DAY_SECONDS for _ in range(min(BATCH, count - first))
            ]
            _send(session, times, chosen)


def _fire(run: Run, at: Node, chosen: random.Random, faults: list[str]) -> float:
    """Milliseconds, early or late, of events that are due soon, evenly over some seconds."""
    noted = at.listener()["handled"]
    seconds = run.seconds * 2
    first = time.time() + LEAD_SECONDS
    count = PER_SECOND * seconds
    times = [first + chosen.uniform(0, seconds) for _ in range(count)]
    with at.session() as session:
        for start in range(0, count, BATCH):
            _send(session, times[start : start + BATCH], chosen)
    if time.time() > first:
        faults.append("the events were stored only after the first ones were due")
    wait_for(lambda: ages.has(at.directory, noted + count), LEAD_SECONDS + seconds + 30, 0.05)
    if (handled := at.listener()["handled"] - noted) != count:
        faults.append(f"{count} events were due, {handled} were handled")
    errors = sorted(abs(us) / 1000 for us in ages.read(at.directory, noted))
    return percentile(errors, 0.99)


def _send(session: Session, times: list[float], chosen: random.Random) -> None:
    events: list[dict[str, Any]] = [
        {
            "type": "player.level_up",
            "subject": f"player-{chosen.randrange(1000)}",
            "id": f"{chosen.getrandbits(96):024x}",
            "deliver_at": rfc3339(int(at * SECOND_US)),
            "data": {"level": 42, "class": "mage", "zone": "north-7", "xp": 123456},
        }
        for at in times
    ]
    answer = session.ask("POST", "/api/events/batch", events)
    if answer["accepted"] != len(events):
        raise RuntimeError(f"{len(events)} events sent, {answer['accepted']} accepted")
