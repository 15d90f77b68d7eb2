"""Batches of 1,000 over HTTP against plain `sqlite3` `executemany` of the same rows.

The plain side has the same table, pragmas and batch size, one commit a batch, and its rows are made
beforehand. The rate with a batch listener counts until the last event is handled.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import replace
from functools import partial

from benchmarks.fill import Maker
from benchmarks.harness import node, scratch, wait_for
from benchmarks.load import Load, faults_of, handled, stored, wrk
from benchmarks.report import Limit, Run
from event_system.eventlog.sqlite.schema import COLUMNS, EVENTS_DDL

SIZE = 1000
CONNECTIONS = 4


def run(run: Run) -> None:
    for what, side, target in (
        ("durable over HTTP / executemany", _durable, 0.7),
        ("handled by a batch listener / executemany", _handled, 0.5),
    ):
        rounds = run.rounds({"plain": partial(_plain, run), "ours": partial(side, run)})
        rates = [(_rate(r["ours"]), _rate(r["plain"])) for r in rounds]
        faults = faults_of(r["ours"] for r in rounds)
        run.ratio(what, rates, "events/s", Limit(at_least=target), faults)


def _rate(load: Load) -> float:
    return load.stored / load.handled_in


def _plain(run: Run) -> Load:
    """The rows are made beforehand; only statements and commits are timed."""
    maker = Maker()
    batches = [maker.rows(SIZE, time.time_ns() // 1000, 0) for _ in range(50)]
    with scratch() as directory:
        connection = sqlite3.connect(directory / "plain.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(EVENTS_DDL)
        marks = ",".join("?" * len(COLUMNS))
        sql = f"INSERT INTO events ({','.join(COLUMNS)}) VALUES ({marks})"
        started, number = time.perf_counter(), 0
        while time.perf_counter() - started < run.seconds:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(sql, batches[number % len(batches)])
            connection.execute("COMMIT")
            number += 1
        spent = time.perf_counter() - started
        connection.close()
    return Load(number, 0, 0, spent, 0, 0, stored=number * SIZE, handled_in=spent)


def _durable(run: Run) -> Load:
    with scratch() as directory, node(directory) as at:
        load = stored(at, lambda: _load(at.url, run.seconds), SIZE)
        return replace(load, stored=load.accepted * SIZE, handled_in=load.seconds)


def _handled(run: Run) -> Load:
    """From the first request to the last event handled."""
    with scratch() as directory, node(directory, listeners="batch") as at:

        def drive() -> Load:
            started = time.perf_counter()
            load = _load(at.url, run.seconds)
            wait_for(lambda: at.listener()["lag"] == 0, 60, every=0.005)
            return replace(load, handled_in=time.perf_counter() - started)

        return handled(at, stored(at, drive, SIZE), 0)


def _load(url: str, seconds: int) -> Load:
    return wrk(url, CONNECTIONS, seconds, batch=SIZE, threads=1)
