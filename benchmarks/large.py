"""Ten million stored events: ingest, history pages, memory."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import Node, Run, median, node, scratch, wrk
from event_system.eventlog.sqlite.schema import COLUMNS, connect_events
from event_system.events.event import Row
from event_system.kernel.lanes import id_key, lane_of, source_key, subject_key, type_key

NAME = "large"
TYPES = [f"player.{name}" for name in ("login", "logout", "level_up", "trade", "die")] + [
    f"activity.kind{n}" for n in range(15)
]
QUERIES = 300


def run(run: Run) -> None:
    count = 1_000_000 if run.quick else 10_000_000
    with scratch() as directory:
        _fill(directory / "full" / "data", count)
        with node(directory / "full") as at:
            _wait_for_index(at, directory / "full" / "data", count)
        with node(directory / "full") as at:
            _pages(run, at)
            run.at_most(NAME, f"memory with {count:,} events (RSS)", at.rss_mib(), 250, "MiB")
        rates: dict[str, list[float]] = {"empty": [], "full": []}
        for turn in range(run.rounds):
            for side, place in (("empty", f"empty{turn}"), ("full", "full")):
                with node(directory / place) as at:
                    rates[side].append(wrk(at.url, "trigger.lua", 64, run.seconds).per_second)
        ratio = median(rates["full"]) / median(rates["empty"])
        run.at_least(NAME, f"ingest with {count:,} events / empty", ratio, 0.8)


def _fill(directory: Path, count: int) -> None:
    """Write rows as the node would, without its HTTP, to save time."""
    directory.mkdir(parents=True)
    connection = connect_events(directory)
    connection.execute("PRAGMA synchronous = OFF")
    sql = f"INSERT INTO events ({','.join(COLUMNS)}) VALUES ({','.join('?' * len(COLUMNS))})"
    chosen = random.Random(1)
    now = time.time_ns() // 1000 - count
    for start in range(0, count, 50_000):
        rows = [_row(chosen, number, now) for number in range(start, min(start + 50_000, count))]
        with connection:
            connection.executemany(sql, rows)
    connection.close()


def _row(chosen: random.Random, number: int, now: int) -> Row:
    id_, subject = f"{chosen.getrandbits(96):024x}", f"player-{chosen.randrange(100_000)}"
    type_ = TYPES[min(int(chosen.expovariate(0.4)), len(TYPES) - 1)]
    key = subject_key(subject)
    return (
        *(id_key(id_), key, type_key(type_), source_key("bench"), lane_of(key, 16), type_, "bench"),
        *(id_, subject, now + number, now + number, None, None, None),
        b'{"level":42,"class":"mage","zone":"north-7","xp":123456,"guild":"ash"}',
    )


def _wait_for_index(at: Node, data: Path, count: int) -> None:
    import apsw

    started = time.perf_counter()
    connection = apsw.Connection(str(data / "index.db"), flags=apsw.SQLITE_OPEN_READONLY)
    while connection.execute("SELECT coalesce(max(last_offset), 0) FROM runs").get < count - 20_000:
        if time.perf_counter() - started > 900:
            raise RuntimeError("the index was not built within 15 minutes")
        time.sleep(0.5)
    print(f"  (index of {count:,} events built in {time.perf_counter() - started:.0f} s)")


def _pages(run: Run, at: Node) -> None:
    chosen = random.Random(2)
    asks: dict[str, Callable[[], str]] = {
        "type": lambda: f"type={chosen.choice(TYPES)}",
        "subject": lambda: f"subject=player-{chosen.randrange(100_000)}",
        "type and subject": lambda: f"type={TYPES[0]}&subject=player-{chosen.randrange(100_000)}",
    }
    for name, ask in asks.items():
        times = []
        for _ in range(QUERIES):
            path = f"/api/events?limit=50&{ask()}"
            started = time.perf_counter()
            at.get(path)
            times.append((time.perf_counter() - started) * 1000)
        times.sort()
        run.figure(NAME, f"history page by {name}, p50", times[len(times) // 2], "ms")
        run.at_most(NAME, f"history page by {name}, p99", times[int(len(times) * 0.99)], 20, "ms")
