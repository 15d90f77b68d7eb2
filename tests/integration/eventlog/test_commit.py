"""Work that shares a transaction with appended rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from event_system.eventlog.sqlite.commit import GroupCommit
from event_system.eventlog.sqlite.log import LogSettings, SqliteEventLog
from event_system.eventlog.sqlite.schema import EVENTS_FILE
from event_system.events.ports import Appended, Commit
from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import EventNotFoundError, StorageError
from tests.support.rows import row


class Log:
    """A log with what it told: its commits, and each submission's answer in order."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.commits: list[Commit] = []
        self.log = SqliteEventLog(
            LogSettings(directory, lanes=4, dedupe_window_us=10**12),
            clock=SystemClock(),
            loop=asyncio.get_running_loop(),
            on_commit=lambda commit, _: self.commits.append(commit),
        )
        self.log.start()

    def stored(self, sql: str) -> list[tuple[object, ...]]:
        return list(apsw.Connection(str(self.directory / EVENTS_FILE)).execute(sql))


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    log = Log(tmp_path)
    yield log
    await log.log.stop()


async def test_an_operation_appends_and_writes_in_one_transaction(log: Log) -> None:
    def work(commit: GroupCommit) -> list[int]:
        commit.execute("CREATE TABLE notes (text TEXT)")
        commit.execute("INSERT INTO notes VALUES (?)", ("kept",))
        return [*commit.append([row("a"), row("b")]), *commit.append([row("a")])]

    assert await log.log.perform(work) == [1, 2, -1]
    assert log.stored("SELECT text FROM notes") == [("kept",)]
    assert log.stored("SELECT id FROM events") == [("a",), ("b",)]
    assert [(c.first, len(c.rows), c.duplicates) for c in log.commits] == [(1, 2, 1)]


async def test_a_refusal_is_the_operations_own_and_its_neighbours_are_stored(log: Log) -> None:
    answers: list[Appended] = []

    def refuse(commit: GroupCommit) -> None:
        raise EventNotFoundError(f"{len(commit.pending)} rows are before me")

    log.log.submit([row("a")], answers.append)
    refused = asyncio.create_task(log.log.perform(refuse))
    await asyncio.sleep(0)  # its turn to submit
    log.log.submit([row("b")], answers.append)
    await log.log.flush()
    with pytest.raises(EventNotFoundError):
        await refused
    assert [list(a) for a in answers if not isinstance(a, Exception)] == [[1], [2]]


async def test_an_operation_that_breaks_takes_nobody_with_it(log: Log) -> None:
    answers: list[Appended] = []

    def break_(commit: GroupCommit) -> None:
        commit.append([row("lost")])
        commit.execute("INSERT INTO nowhere VALUES (1)")

    log.log.submit([row("a")], answers.append)
    broken = asyncio.create_task(log.log.perform(break_))
    await asyncio.sleep(0)
    log.log.submit([row("b")], answers.append)
    await log.log.flush()
    with pytest.raises(StorageError):
        await broken
    assert log.stored("SELECT offset, id FROM events") == [(1, "a"), (2, "b")]
    assert list(answers) == [(1,), (2,)]
