"""A million stored events are shown to a batch listener that does nothing.

Bare is the log's own reader in a process of its own: pages of 1,000 events, one after the other.
Live is another listener's way from trigger to handled at 1,000 events a second, with replays under
way for the whole load, and in the same node without.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import uvloop

from benchmarks import ages
from benchmarks.fill import fill
from benchmarks.harness import HERE, Node, node, scratch, wait_for
from benchmarks.load import Load, drained, faults_of, handled, percentile, steady, stored
from benchmarks.report import Limit, Run
from event_system.eventlog.sqlite.reader import Reader

PER_SECOND = 1000
PAGE = 1000
REPLAYS = "/api/listeners/replayed/replays"


def run(run: Run) -> None:
    count = run.scale(1_000_000, 200_000)
    with scratch() as directory:
        fill(directory / "data", count)
        with node(directory, listeners="replayed") as at:
            at.get("/api/listeners")  # loads the web framework
            rounds = run.rounds(
                {"replay": lambda: _replayed(at, count), "bare": lambda: _bare(directory)}
            )
            pairs = [(count / r["replay"], count / r["bare"]) for r in rounds]
            what = "replayed to a batch listener / read bare"
            run.ratio(what, pairs, "events/s", Limit(at_least=0.8))
            _live(run, at)


def _replayed(at: Node, count: int) -> float:
    """Seconds from the start of a replay of everything to its end."""
    started = at.post(REPLAYS, {"from": 1, "until": count})
    path = f"{REPLAYS}/{started['id']}"
    wait_for(lambda: at.get(path)["ended_at"] is not None, 120, every=0.2)
    ended = at.get(path)
    if ended["handled"] != count:
        raise RuntimeError(f"{count} events were to be replayed, {ended['handled']} were")
    moments = (datetime.fromisoformat(ended[name]) for name in ("started_at", "ended_at"))
    first, last = moments
    return (last - first).total_seconds()


def _bare(directory: Path) -> float:
    """Seconds to read everything, in a process of its own as the node has one."""
    command = [sys.executable, "-m", "benchmarks.replay", str(directory / "data")]
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=True)
    return float(done.stdout)


async def _read(data: Path) -> float:
    reader = Reader(data)
    started, after = time.perf_counter(), 0
    while (page := await reader.read_after(after, PAGE)).events:
        after = page.through
    spent = time.perf_counter() - started
    await reader.close()
    return spent


def _live(run: Run, at: Node) -> None:
    rounds = run.rounds(
        {"replaying": lambda: _aged(run, at, replaying=True), "quiet": lambda: _aged(run, at)}
    )
    pairs = [(r["replaying"][1], r["quiet"][1]) for r in rounds]
    faults = faults_of(load for r in rounds for load, _ in r.values())
    what = "live p99, trigger to handled, replaying / quiet"
    run.ratio(what, pairs, "ms", Limit(at_most=1.5), faults)
    pairs = [(r["replaying"][0].p99_ms, r["quiet"][0].p99_ms) for r in rounds]
    run.ratio("answer p99, replaying / quiet", pairs, "ms", Limit(at_most=1.5), faults)
    shown = [r["replaying"][0].handled_in for r in rounds]
    run.figure("replayed beside this load", shown, "events/s", faults)


def _aged(run: Run, at: Node, *, replaying: bool = False) -> tuple[Load, float]:
    """A load, and the p99 of its events' ages in milliseconds."""
    steady(at.port, per_second=PER_SECOND, seconds=1)
    noted = drained(at)
    if replaying:
        with _replaying(at) as shown:
            load = _load(run, at, noted)
        load = replace(load, handled_in=shown[0] / run.seconds)
    else:
        load = _load(run, at, noted)
    found = ages.read(at.directory, noted)
    return load, percentile([us / 1000 for us in found], 0.99)


def _load(run: Run, at: Node, noted: int) -> Load:
    load = stored(at, lambda: steady(at.port, per_second=PER_SECOND, seconds=run.seconds))
    return handled(at, load, noted)


@contextmanager
def _replaying(at: Node) -> Iterator[list[int]]:
    """Replays one after the other until the end; then how many events they showed."""
    ended, shown = threading.Event(), [0]

    def again() -> None:
        with at.session() as session:
            while not ended.is_set():
                id_ = session.ask("POST", REPLAYS, {"from": 1})["id"]
                while not ended.wait(0.1):
                    if session.ask("GET", f"{REPLAYS}/{id_}")["ended_at"]:
                        break
                shown[0] += session.ask("DELETE", f"{REPLAYS}/{id_}")["handled"]

    thread = threading.Thread(target=again)
    thread.start()
    yield shown
    ended.set()
    thread.join()


if __name__ == "__main__":
    print(uvloop.run(_read(Path(sys.argv[1]))))
