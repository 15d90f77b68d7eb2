"""A million parked retries: what they cost those that are due, and new events.

They are due within a month. The empty side has the same log, and only the retries that are due; both
sides get as many of these in every round, and handle them when they start.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import ages
from benchmarks.fill import DAY_US, fill
from benchmarks.harness import Node, node, scratch, wait_for
from benchmarks.load import Load, drained, faults_of, handled, stored, wrk
from benchmarks.report import Limit, Run
from event_system.database.sqlite.state import StateDatabase
from event_system.delivery.ports import RETRYING, Failure

SLICE = 10_000
TRACEBACK = 'Traceback (most recent call last):\n  File "listeners.py", line 1, in noop\n' * 6
WITHIN = Limit(at_least=0.9)


@dataclass(frozen=True, slots=True)
class Side:
    """What one node did: retries handled per second, and the load of new events.

    Processor time is that of the node, per new event, the listener's call included.
    """

    claims: float
    ingest: Load
    cpu_us: float
    rss_mib: float


def run(run: Run) -> None:
    parked = run.scale(1_000_000, 50_000)
    due = parked // 20
    with scratch() as full, scratch() as empty:
        fill(empty / "data", parked + due)
        shutil.copytree(empty / "data", full / "data")
        _park(full / "data", range(1, parked + 1), days=30)
        dues = range(parked + 1, parked + due + 1)
        rounds = run.rounds(
            {"full": lambda: _side(run, full, dues), "empty": lambda: _side(run, empty, dues)}
        )
    faults = faults_of(side.ingest for r in rounds for side in r.values())
    claims = [(r["full"].claims, r["empty"].claims) for r in rounds]
    ingest = [(r["full"].ingest.per_second, r["empty"].ingest.per_second) for r in rounds]
    latency = [(r["full"].ingest.p99_ms, r["empty"].ingest.p99_ms) for r in rounds]
    what = f"with {parked:,} parked / none"
    run.ratio(f"retries handled {what}", claims, "/s", WITHIN, faults)
    run.ratio(f"events accepted {what}", ingest, "/s", WITHIN, faults)
    run.ratio(f"answer p99 {what}", latency, "ms", faults=faults)
    times = [(r["full"].cpu_us, r["empty"].cpu_us) for r in rounds]
    run.ratio(f"processor time an event {what}", times, "µs", Limit(at_most=1.1), faults)
    more = [r["full"].rss_mib - r["empty"].rss_mib for r in rounds]
    run.figure(f"memory with {parked:,} parked, more than with none", more, "MiB", faults)


def _side(run: Run, directory: Path, dues: range) -> Side:
    _park(directory / "data", dues, days=0)
    (directory / ages.FILE).unlink(missing_ok=True)
    with node(directory, listeners="retried") as at:
        claims = _claims(at, len(dues))
        stored(at, lambda: wrk(at.url, 64, 1))
        before = drained(at)
        spent = at.cpu_seconds()
        ingest = handled(at, stored(at, lambda: wrk(at.url, 64, run.seconds)), before)
        spent = at.cpu_seconds() - spent
        if (left := at.listener()["dead"]) != 0:
            ingest = ingest.doubted(f"{left} retries died")
        return Side(claims, ingest, spent / ingest.stored * 1e6, at.rss_mib())


def _claims(at: Node, due: int) -> float:
    """Retries handled per second, between the first tenth and the last one."""
    wait_for(lambda: ages.has(at.directory, due), 120, 0.05)
    moments = ages.read(at.directory)[:due]
    return (due - due // 10) / ((moments[-1] - moments[due // 10]) / 1e6)


def _park(data: Path, offsets: Iterable[int], days: int) -> None:
    """Keep retries of these events, due within so many days; 0 is now."""
    asyncio.run(_keep(data, list(offsets), days))


async def _keep(data: Path, offsets: list[int], days: int) -> None:
    chosen = random.Random(4)
    state = StateDatabase(data)
    now_us = ages.now_us()
    for first in range(0, len(offsets), SLICE):
        failures = [
            _failure(offset, now_us, now_us + int(chosen.uniform(min(days, 1), days) * DAY_US))
            for offset in offsets[first : first + SLICE]
        ]
        await state.save(0, [], failures)
    await state.close()


def _failure(offset: int, now_us: int, due_us: int) -> Failure:
    return Failure(
        listener="noop",
        offset=offset,
        lane=0,
        type="player.login",
        state=RETRYING,
        attempts=1,
        at_us=due_us,
        error="ConnectionError: the other side is away",
        traceback=TRACEBACK,
        first_us=now_us,
        last_us=now_us,
    )
