"""What counting costs beside `prometheus_client`, and what a scrape of 10,000 series does.

Ratios are to the library in the same process: its cached children, its `generate_latest`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

import prometheus_client
from prometheus_client.exposition import generate_latest

from benchmarks.report import ROUNDS, Limit, Run
from event_system.delivery.statistics import Observed
from event_system.events.event import Row
from event_system.events.ports import Commit
from event_system.metrics.exposition import form_of, render
from event_system.metrics.instruments import EventMetrics
from event_system.metrics.manager import MetricsManager
from event_system.metrics.server import text_of

SERIES = 10_000
METRICS = 10
COMMIT = 100
WHY = "a twentieth of 28 µs, at 35,000 events/s"


def run(run: Run) -> None:
    calls, scrapes = (20_000, 2) if run.quick else (500_000, 10)
    _compare(run, "counter through a handle", _counters(), calls)
    _compare(run, "histogram through a handle", _histograms(), calls)
    manager, registry = _wide()
    pair = Pair(lambda: render(manager), lambda: generate_latest(registry))
    _compare(run, f"exposition of {SERIES:,} series", pair, scrapes)
    costs = [_cost_of_an_event(2000 if not run.quick else 100) for _ in range(ROUNDS)]
    run.at_most(f"counting an event, {COMMIT} a commit", costs, 1.4, "µs", beside=WHY)
    stalls = [asyncio.run(_longest_stall(_scrape(manager, scrapes))) for _ in range(ROUNDS)]
    alone = max(asyncio.run(_longest_stall(asyncio.sleep(0.5))) for _ in range(ROUNDS))
    what = f"longest stall of the loop, scrapes of {SERIES:,} series"
    run.at_most(what, stalls, 5, "ms", beside=f"up to {alone:.2g} ms without scrapes")


def _cost_of_an_event(commits: int) -> float:
    """Microseconds for one event: its part of a commit, and of a slice of a listener's calls."""
    metrics = EventMetrics(MetricsManager())
    commit = Commit(1, [_row(number) for number in range(COMMIT)])
    calls = Observed("noop", [0.0001] * COMMIT, [0.002] * COMMIT, 0)

    def count() -> None:
        metrics.committed(commit, 0.001)
        metrics.observe(calls)

    return 1e6 / (_rate(count, commits) * COMMIT)


def _row(number: int) -> Row:
    subject = f"player-{number % 50}"
    named = (0, "player.login", "bench", str(number), subject)
    return (0, 0, 0, 0, *named, 0, 0, None, None, None, b'{"level": 10}')


@dataclass(frozen=True, slots=True)
class Pair:
    """The same work, ours and the library's."""

    ours: Callable[[], object]
    library: Callable[[], object]


def _compare(run: Run, what: str, pair: Pair, times: int) -> None:
    """How often a second each does it."""
    sides = {"ours": lambda: _rate(pair.ours, times), "library": lambda: _rate(pair.library, times)}
    rounds = [(each["ours"], each["library"]) for each in run.rounds(sides)]
    run.ratio(f"{what}, against prometheus_client", rounds, "/s", Limit(at_least=3))


def _rate(work: Callable[[], object], times: int) -> float:
    work()
    started = time.perf_counter()
    for _ in range(times):
        work()
    return times / (time.perf_counter() - started)


def _counters() -> Pair:
    ours = MetricsManager().register_counter("calls_total", "Calls.", "kind").child("a")
    library = prometheus_client.Counter("calls", "Calls.", ["kind"], registry=None).labels("a")
    return Pair(ours.add, library.inc)


def _histograms() -> Pair:
    ours = MetricsManager().register_histogram("took_seconds", "Took.", "kind").child("a")
    library = prometheus_client.Histogram("took", "Took.", ["kind"], registry=None).labels("a")
    return Pair(lambda: ours.observe(0.07), lambda: library.observe(0.07))


def _wide() -> tuple[MetricsManager, prometheus_client.CollectorRegistry]:
    """The same series twice."""
    manager, registry = MetricsManager(), prometheus_client.CollectorRegistry()
    for number in range(METRICS):
        name = f"wide_{number}"
        ours = manager.register_gauge(name, "Wide.", "at")
        library = prometheus_client.Gauge(name, "Wide.", ["at"], registry=registry)
        for at in range(SERIES // METRICS):
            ours.child(str(at)).set(at * 1.5)
            library.labels(str(at)).set(at * 1.5)
    return manager, registry


async def _longest_stall(work: Coroutine[None, None, object]) -> float:
    """Milliseconds between two turns of a task that does nothing else meanwhile."""
    working = asyncio.create_task(work)
    longest, last = 0.0, time.perf_counter()
    while not working.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    await working
    return longest * 1000


async def _scrape(manager: MetricsManager, scrapes: int) -> None:
    form = form_of("")
    for _ in range(scrapes):
        await text_of(manager, form)
