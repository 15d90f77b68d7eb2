"""What every `EventLog` promises of appending on a condition."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from event_system.events.ports import EventLog
from event_system.kernel.errors import PreconditionFailedError
from tests.support.logs import LOGS, open_log
from tests.support.rows import row
from tests.support.sql import SharedDatabases


@pytest.fixture(params=LOGS)
async def log(
    request: pytest.FixtureRequest, tmp_path: Path, databases: SharedDatabases
) -> AsyncIterator[EventLog]:
    async with open_log(request.param, tmp_path, databases) as opened:
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
