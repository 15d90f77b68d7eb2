"""The index is derived from the log: built in runs, and again whenever it cannot be trusted."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import apsw
import pytest

from event_system.eventlog.sqlite import index as module
from event_system.eventlog.sqlite.history import SqliteHistory
from event_system.eventlog.sqlite.index import DAMAGED_FILE, SAMPLE
from event_system.eventlog.sqlite.reader import Reader
from event_system.eventlog.sqlite.schema import INDEX_FILE, connect_index, connect_reader
from event_system.events.event import Row
from event_system.events.ports import Filter
from tests.support.rows import row
from tests.support.stored_log import StoredLog
from tests.support.waiting import PATIENCE_SECONDS, wait_until


def rows(count: int, first: int = 0) -> list[Row]:
    return [
        row(
            f"e{number}",
            type_=f"a.t{number % 7}",
            source=("game", "web")[number % 2],
            subject=None if number % 3 == 0 else f"p{number % 5}",
            received_us=number,
        )
        for number in range(first, first + count)
    ]


def contents(directory: Path) -> dict[str, list[tuple[Any, ...]]]:
    connection = connect_index(directory)
    tables = ("runs", "ids", "postings", "types", "type_runs")
    found: dict[str, list[tuple[Any, ...]]] = {
        table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables
    }
    connection.close()
    found["postings"] = [
        (*at, None if o is None else sorted(map(ord, o.decode()))) for *at, o in found["postings"]
    ]
    return found


def expected_contents(log: StoredLog) -> dict[str, list[tuple[Any, ...]]]:
    """The index as its design says it, made one event at a time."""
    size = log.run_events
    runs = [(run, run * size + 1, (run + 1) * size) for run in range(log.head // size)]
    ids, types, type_runs = set(), set(), set()
    postings: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for run, first, last in runs:
        for offset in range(first, last + 1):
            id_key, subject_key, type_key, source_key, _, type_ = log.rows[offset - 1][:6]
            ids.add((run, id_key, offset))
            for key in (subject_key, type_key, source_key):
                if key is not None:
                    postings[run, key].append(offset - first + 1)
            types.add((type_, type_key))
            type_runs.add((type_key, run))
    sampled = set(range(1, size + 1, max(1, size // SAMPLE)))
    lists = [
        (*place, offsets if 4 * len(sampled.intersection(offsets)) <= len(sampled) else None)
        for place, offsets in postings.items()
    ]
    tables = {
        "runs": runs,
        "ids": ids,
        "postings": lists,
        "types": types,
        "type_runs": type_runs,
    }
    return {table: sorted(content) for table, content in tables.items()}


@pytest.mark.parametrize("run_events", [4, 100, 128])
def test_every_whole_run_is_indexed_and_nothing_else(tmp_path: Path, run_events: int) -> None:
    log = StoredLog(tmp_path, run_events)
    log.append(rows(450))
    log.build_index()

    assert contents(tmp_path) == expected_contents(log)
    log.close()


def test_a_run_is_told_of_once_it_can_be_read(tmp_path: Path) -> None:
    log = StoredLog(tmp_path, run_events=4)
    log.append(rows(12))
    told: SimpleQueue[tuple[int, ...]] = SimpleQueue()

    def on_run(first: int, last: int, run: int) -> None:
        reader = connect_reader(tmp_path)
        stored = reader.execute("SELECT * FROM idx.runs WHERE run = ?", (run,)).fetchone()
        reader.close()
        told.put((first, last, run, *(stored or ())))

    indexer = log.indexer(on_run)
    indexer.start()
    found = [told.get(timeout=PATIENCE_SECONDS) for _ in range(3)]
    indexer.stop()
    log.close()
    assert found == [(1, 4, 0, 0, 1, 4), (5, 8, 1, 1, 5, 8), (9, 12, 2, 2, 9, 12)]


def test_the_index_follows_the_log_as_it_grows(tmp_path: Path) -> None:
    log = StoredLog(tmp_path, run_events=4)
    built: SimpleQueue[int] = SimpleQueue()
    indexer = log.indexer(lambda first, last, run: built.put(last))
    indexer.start()
    through: list[int] = []
    for first in range(0, 12, 3):
        log.append(rows(3, first))
        indexer.notify(log.head)
        if log.head // 4 > len(through):
            through.append(built.get(timeout=PATIENCE_SECONDS))
    indexer.stop()
    log.close()
    assert through == [4, 8, 12]
    assert indexer.indexed_through == 12


def test_stopping_does_not_wait_for_all_runs(tmp_path: Path) -> None:
    log = StoredLog(tmp_path, run_events=1)
    log.append(rows(5000))
    built: SimpleQueue[int] = SimpleQueue()
    indexer = log.indexer(lambda first, last, run: built.put(last))
    indexer.start()
    built.get(timeout=PATIENCE_SECONDS)
    indexer.stop()
    log.close()
    assert 0 < indexer.indexed_through < 5000
    assert contents(tmp_path)["runs"][-1][0] == indexer.indexed_through - 1


def test_an_indexer_that_never_started_can_be_stopped(tmp_path: Path) -> None:
    log = StoredLog(tmp_path)
    indexer = log.indexer(lambda first, last, run: None)
    indexer.stop()
    log.close()
    assert indexer.indexed_through == 0


# An index that does not fit


def remove(log: StoredLog) -> None:
    (log.directory / INDEX_FILE).unlink()


def fill_with_noise(log: StoredLog) -> None:
    (log.directory / INDEX_FILE).write_bytes(b"no database at all" * 1000)


def empty(log: StoredLog) -> None:
    (log.directory / INDEX_FILE).write_bytes(b"")


def mark_as_damaged(log: StoredLog) -> None:
    (log.directory / DAMAGED_FILE).touch()


def give_another_layout(log: StoredLog) -> None:
    connection = connect_index(log.directory)
    connection.execute("DROP TABLE type_runs; PRAGMA user_version = 99")
    connection.close()


def change_the_size_of_runs(log: StoredLog) -> None:
    log.run_events *= 2


def shorten_the_log(log: StoredLog) -> None:
    log._events.execute("DELETE FROM events WHERE offset > 70")
    del log.rows[70:]


def exchange_the_log(log: StoredLog) -> None:
    log._events.execute("DELETE FROM events")
    log.rows.clear()
    log.append(rows(200, first=1000))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (remove, None),
        (empty, None),
        (fill_with_noise, "not a database"),
        (mark_as_damaged, "damage was found"),
        (give_another_layout, "another layout"),
        (change_the_size_of_runs, "runs have 16 events instead of 32"),
        (shorten_the_log, "reaches to offset 96, the log only to 70"),
        (exchange_the_log, "belongs to another log"),
    ],
)
def test_an_index_that_does_not_fit_the_log_is_built_again(
    tmp_path: Path,
    spoil: Callable[[StoredLog], None],
    reason: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = StoredLog(tmp_path, run_events=16)
    log.append(rows(100))
    log.build_index()
    spoil(log)
    log.build_index()

    assert contents(tmp_path) == expected_contents(log)
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == (0 if reason is None else 1)
    assert reason is None or reason in warnings[0]
    assert not (tmp_path / DAMAGED_FILE).exists()
    log.close()


def test_an_index_that_fits_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = StoredLog(tmp_path, run_events=16)
    log.append(rows(100))
    log.build_index()
    log.append(rows(50, first=100))
    indexer = log.indexer(lambda first, last, run: None)
    assert indexer.indexed_through == 96
    indexer.stop()
    log.close()
    assert not caplog.records


def overwrite_from_page(file: Path, page: int) -> None:
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.seek(4096 * page)
        opened.write(b"\xff" * (size - 4096 * page))


async def test_damage_found_by_a_search_hides_nothing_and_is_mended_by_a_restart(
    tmp_path: Path,
) -> None:
    log = StoredLog(tmp_path, run_events=64)
    log.append(rows(6400))
    log.build_index()
    overwrite_from_page(tmp_path / INDEX_FILE, 8)
    reader = Reader(tmp_path)
    query = Filter(pattern="a.t3")
    page = await SqliteHistory(reader, lambda: 0.0).find(
        query, limit=5000, newest_first=False, cursor=None
    )
    await reader.close()

    assert [event.offset for event in page.events] == list(range(4, 6401, 7))
    assert (tmp_path / DAMAGED_FILE).exists()
    log.build_index()
    assert contents(tmp_path) == expected_contents(log)
    log.close()


def test_damage_found_by_the_indexer_is_mended_by_a_restart(tmp_path: Path) -> None:
    log = StoredLog(tmp_path, run_events=64)
    log.append(rows(6400))
    log.build_index()
    log.append(rows(64, first=6400))
    indexer = log.indexer(lambda first, last, run: None)
    overwrite_from_page(tmp_path / INDEX_FILE, 8)
    indexer.start()
    wait_until((tmp_path / DAMAGED_FILE).exists)
    indexer.stop()
    assert indexer.failure is not None
    log.build_index()
    assert contents(tmp_path) == expected_contents(log)
    log.close()


def test_a_full_disk_delays_the_index_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    log = StoredLog(tmp_path, run_events=512)
    log.append(rows(1024))
    indexer = log.indexer(lambda first, last, run: None)
    indexer._connection.execute("PRAGMA main.max_page_count = 7")
    indexer.start()
    wait_until(lambda: indexer.failure)
    indexer._connection.execute("PRAGMA main.max_page_count = 100000")
    wait_until(lambda: indexer.indexed_through == 1024)
    indexer.stop()
    assert indexer.failure is None
    assert contents(tmp_path) == expected_contents(log)
    assert "full" in caplog.text
    log.close()


# Death at any moment

BUILDER = """
import sys
from pathlib import Path
from event_system.eventlog.sqlite.index import Indexer
Indexer(
    Path(sys.argv[1]), head=int(sys.argv[2]), run_events=int(sys.argv[3]), rest_seconds=0,
    on_run=lambda first, last, run: print(run, flush=True),
).start()
sys.stdin.read()
"""


def test_killed_at_any_moment_the_index_goes_on_where_it_was(tmp_path: Path) -> None:
    log = StoredLog(tmp_path, run_events=32)
    log.append(rows(32 * 120))
    for runs in (1, 20, 45):
        arguments = [str(tmp_path), str(log.head), str(log.run_events)]
        with subprocess.Popen(
            [sys.executable, "-c", BUILDER, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        ) as builder:
            assert builder.stdout is not None
            told = [int(builder.stdout.readline()) for _ in range(runs)]
            builder.send_signal(signal.SIGKILL)
        index = apsw.Connection(str(tmp_path / INDEX_FILE))
        stored = [run for (run,) in index.execute("SELECT run FROM runs")]
        index.close()
        assert stored == list(range(len(stored)))
        assert set(told) <= set(stored)
    log.build_index()
    assert contents(tmp_path) == expected_contents(log)
    log.close()


def test_runs_of_deleted_events_are_dropped_but_for_the_newest(tmp_path: Path) -> None:
    log = StoredLog(tmp_path)
    log.append(row(f"e{number}") for number in range(40))
    log.build_index()
    index = connect_index(tmp_path)
    indexer = log.indexer(lambda first, last, run: None)
    indexer.start()
    indexer.forget(40)
    wait_until(lambda: index.execute("SELECT count(*) FROM runs").get == 1)
    indexer.stop()
    assert index.execute("SELECT first_offset, last_offset FROM runs").fetchall() == [(33, 40)]
    assert index.execute("SELECT DISTINCT run FROM ids").fetchall() == [(4,)]
    assert index.execute("SELECT DISTINCT run FROM postings").fetchall() == [(4,)]
    assert index.execute("SELECT DISTINCT run FROM type_runs").fetchall() == [(4,)]
