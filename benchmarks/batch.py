"""Batches of 1,000 over HTTP against plain `sqlite3` `executemany` of the same rows."""

from __future__ import annotations

import json
import sqlite3
import time
from itertools import count
from pathlib import Path

from benchmarks.harness import Node, Run, median, node, scratch, wrk
from event_system.eventlog.sqlite.schema import COLUMNS, EVENTS_DDL
from event_system.events.event import Row
from event_system.kernel.lanes import id_key, lane_of, source_key, subject_key, type_key

NAME = "batch"
SIZE = 1000
CONNECTIONS = 4
_numbers = count()


def run(run: Run) -> None:
    rates: dict[str, list[float]] = {"plain": [], "durable": [], "listener": []}
    for _ in range(run.rounds):
        with scratch() as directory:
            rates["plain"].append(_plain(directory, run.seconds))
            with node(directory / "a") as at:
                rates["durable"].append(_load(at, run.seconds))
            with node(directory / "b", listeners="listeners_batch.py") as at:
                rates["listener"].append(_load_handled(at, run.seconds))
    found = {side: median(values) for side, values in rates.items()}
    run.figure(NAME, "plain sqlite3 executemany", found["plain"], "events/s")
    run.figure(NAME, "durable over HTTP", found["durable"], "events/s")
    run.figure(NAME, "handled by a batch listener", found["listener"], "events/s")
    run.at_least(NAME, "durable / executemany", found["durable"] / found["plain"], 0.7)
    run.at_least(NAME, "handled / executemany", found["listener"] / found["plain"], 0.5)


def _events(count_: int) -> list[dict[str, object]]:
    return [
        {
            "type": "player.level_up",
            "subject": f"player-{n % 1000}",
            "id": f"e-{time.time_ns():x}-{n}",
            "data": {"level": n % 80, "class": "mage", "zone": "north-7", "xp": 123456},
        }
        for n in (next(_numbers) for _ in range(count_))
    ]


def _plain(directory: Path, seconds: int) -> float:
    connection = sqlite3.connect(directory / "plain.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(EVENTS_DDL)
    sql = f"INSERT INTO events ({','.join(COLUMNS)}) VALUES ({','.join('?' * len(COLUMNS))})"
    batches = [[_row(event) for event in _events(SIZE)] for _ in range(50)]
    started, stored = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(sql, batches[(stored // SIZE) % len(batches)])
        connection.execute("COMMIT")
        stored += SIZE
    rate = stored / (time.perf_counter() - started)
    connection.close()
    return rate


def _row(event: dict[str, object]) -> Row:
    id_, subject = str(event["id"]), str(event["subject"])
    key = subject_key(subject)
    now = time.time_ns() // 1000
    return (
        *(id_key(id_), key, type_key("player.level_up"), source_key("bench"), lane_of(key, 16)),
        *("player.level_up", "bench", id_, subject, now, now, None, None, None),
        json.dumps(event["data"]).encode(),
    )


def _load(at: Node, seconds: int) -> float:
    """Stored events per second over a few connections."""
    return wrk(at.url, "batch.lua", CONNECTIONS, seconds, threads=1).per_second * SIZE


def _load_handled(at: Node, seconds: int) -> float:
    """Handled events per second, from the first request to the last one handled."""
    started = time.perf_counter()
    _load(at, seconds)
    while (status := at.get("/api/listeners/noop-batch"))["lag"] != 0:
        time.sleep(0.005)
    handled = status["handled"]
    assert isinstance(handled, int)
    return handled / (time.perf_counter() - started)
