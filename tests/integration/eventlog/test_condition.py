"""The look-up before a conditional append: old events, young ones, many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from event_system.eventlog.sqlite import condition
from event_system.eventlog.sqlite.log import LogSettings, SqliteEventLog
from event_system.kernel.clock import SystemClock
from event_system.kernel.errors import PreconditionFailedError
from tests.support.rows import row


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteEventLog]:
    log = SqliteEventLog(
        LogSettings(tmp_path, lanes=4, dedupe_window_us=10**12),
        clock=SystemClock(),
        loop=asyncio.get_running_loop(),
        on_commit=lambda commit, seconds: None,
    )
    log.start()
    yield log
    await log.stop()


async def test_a_long_log_is_looked_through_by_its_index(log: SqliteEventLog) -> None:
    for part in range(5):
        log.submit([row(f"{part}-{n}", subject=f"s{n % 7}") for n in range(8_000)], lambda _: None)
    log.submit([row("old", subject="rare")], lambda _: None)
    log.submit([row(f"young-{n}", subject="s1") for n in range(100)], lambda _: None)

    assert await log.append_if(row("next", subject="rare"), 40_001) == 40_102
    assert await log.append_if(row("first", subject="new"), 0) == 40_103
    with pytest.raises(PreconditionFailedError) as caught:
        await log.append_if(row("again", subject="rare"), 40_001)
    assert caught.value.last_offset == 40_102


async def test_where_much_came_meanwhile_readers_look_again(
    log: SqliteEventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(condition, "MAX_YOUNG", 3)
    stop = asyncio.Event()

    async def others() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            log.submit([row(f"o{number}", subject=f"x{number % 5}")], lambda _: None)
            await asyncio.sleep(0)

    noise = asyncio.create_task(others())
    last = 0
    for number in range(20):
        last = await log.append_if(row(f"mine{number}", subject="mine"), last)
        assert last > 0
    stop.set()
    await noise
    assert await log.last_of("mine") == last
