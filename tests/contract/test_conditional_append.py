"""What every `EventLog` promises of appending on a condition."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from event_system.eventlog.sqlite.log import LogSettings, SqliteEventLog
from event_system.events.ports import EventLog
from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import PreconditionFailedError
from tests.support.memory_log import MemoryLog
from tests.support.rows import row

OpenLog: TypeAlias = Callable[[Path], AbstractAsyncContextManager[EventLog]]


@asynccontextmanager
async def embedded(directory: Path) -> AsyncIterator[EventLog]:
    log = SqliteEventLog(
        LogSettings(directory, lanes=4, dedupe_window_us=10**12),
        clock=SystemClock(),
        loop=asyncio.get_running_loop(),
        on_commit=lambda commit, seconds: None,
    )
    log.start()
    try:
        yield log
    finally:
        await log.stop()


@asynccontextmanager
async def in_memory(directory: Path) -> AsyncIterator[EventLog]:
    yield MemoryLog()


LOGS: dict[str, OpenLog] = {"embedded": embedded, "memory": in_memory}


@pytest.fixture(params=LOGS)
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventLog]:
    async with LOGS[request.param](tmp_path) as opened:
        yield opened


async def add(log: EventLog, id_: str, subject: str, expected: int) -> int:
    """The offset, or minus the last one's where the expectation failed (no duplicates here)."""
    try:
        return await log.append_if(row(id_, subject=subject), expected)
    except PreconditionFailedError as error:
        return -(error.last_offset or 0) - 1_000_000


async def test_the_first_event_expects_none_and_each_next_one_the_last(log: EventLog) -> None:
    assert await log.last_of("p") == 0
    assert await add(log, "a", "p", 0) == 1
    assert await add(log, "b", "other", 0) == 2
    assert await add(log, "c", "p", 1) == 3
    assert await log.last_of("p") == 3
    assert await log.last_of("other") == 2


@pytest.mark.parametrize("expected", [0, 2, 17])
async def test_a_wrong_expectation_stores_nothing_and_tells_the_last_offset(
    log: EventLog, expected: int
) -> None:
    await add(log, "a", "p", 0)
    await add(log, "b", "other", 0)

    with pytest.raises(PreconditionFailedError) as caught:
        await log.append_if(row("c", subject="p"), expected)

    assert caught.value.last_offset == 1
    assert log.head == 2


async def test_a_duplicate_is_one_whatever_is_expected(log: EventLog) -> None:
    await add(log, "a", "p", 0)
    await add(log, "b", "p", 1)

    assert await add(log, "a", "p", 0) == -1
    assert await add(log, "b", "p", 99) == -2
    assert log.head == 2


async def test_of_many_at_once_one_wins_each_round(log: EventLog) -> None:
    last = 0
    for round_ in range(20):
        results = await asyncio.gather(*(add(log, f"{round_}-{n}", "p", last) for n in range(25)))
        won = [at for at in results if at > 0]
        assert len(won) == 1
        assert set(results) - set(won) <= {-won[0] - 1_000_000}
        last = won[0]
    assert log.head == 20


async def test_what_others_store_meanwhile_counts(log: EventLog) -> None:
    """Plain events of the subject, in the same commit and before it."""
    told: list[object] = []
    log.submit([row("a", subject="p"), row("b", subject="other")], told.append)
    late = asyncio.create_task(add(log, "c", "p", 0))
    log.submit([row("d", subject="p")], told.append)

    assert await late in (-1_000_001, -1_000_003)
    last = await log.last_of("p")
    assert await add(log, "e", "p", last) == log.head
