"""Old events go, a few at a time; what is still needed stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from event_system.eventlog import retention as module
from event_system.eventlog.retention import Retention, RetentionSettings
from event_system.eventlog.sqlite import log as log_module
from event_system.eventlog.sqlite import retention as sqlite_module
from event_system.eventlog.sqlite.log import LogSettings, SqliteEventLog
from event_system.eventlog.sqlite.retention import SqliteOld
from event_system.events.event import Event
from event_system.events.ports import Filter, Hold
from tests.support.rows import row

RUN = 16


class Holds:
    """What listeners need, set by the test."""

    def __init__(self) -> None:
        self.after: int | None = None
        self.offsets: set[int] = set()
        self.broken: Exception | None = None

    def needed(self) -> Hold | None:
        return None if self.after is None else Hold(self.after, "slow")

    async def held(self, first: int, last: int) -> list[int]:
        broken, self.broken = self.broken, None
        if broken is not None:
            raise broken
        return sorted(at for at in self.offsets if first <= at <= last)


class SetClock:
    def __init__(self) -> None:
        self.us = 0

    def now_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return 0.0


class Site:
    """A log, its retention, and a clock; event `n` is received at `n` microseconds."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = SetClock()
        self.holds = Holds()
        self.open()

    def open(self) -> None:
        self.log = SqliteEventLog(
            LogSettings(self.directory, lanes=4, dedupe_window_us=0),
            clock=self.clock,
            loop=asyncio.get_running_loop(),
            on_commit=lambda commit, seconds: None,
        )
        self.log.start()
        self.retention = Retention(
            SqliteOld(self.log),
            self.holds,
            now_us=self.clock.now_us,
            monotonic=self.clock.monotonic,
        )

    async def restart(self) -> None:
        await self.log.stop()
        self.open()

    async def append(self, count: int) -> None:
        first = self.log.head + 1
        for at in range(first, first + count):
            new = row(f"e{at}", subject=f"s{at % 3}", received_us=at, data=b"1" * 100)
            self.log.submit([new], lambda appended: None)
        await self.log.flush()

    async def sweep(self, **settings: int) -> int:
        self.retention.settings = RetentionSettings(**settings)
        return await self.retention.sweep()

    async def offsets(self, query: Filter | None = None) -> list[int]:
        found: list[Event] = []
        cursor = None
        while True:
            page = await self.log.history.find(
                query or Filter(), limit=50, newest_first=False, cursor=cursor
            )
            found += page.events
            cursor = page.next
            if cursor is None:
                return [event.offset for event in found]


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(log_module, "RUN_EVENTS", RUN)
    monkeypatch.setattr(sqlite_module, "CHUNK_EVENTS", 7)
    site = Site(tmp_path)
    yield site
    await site.log.stop()


async def test_events_older_than_the_age_go_and_the_others_stay(site: Site) -> None:
    await site.append(100)
    site.clock.us = 110
    assert await site.sweep(max_age_us=50) == 59
    assert await site.offsets() == list(range(60, 101))
    assert site.log.floor == 59
    assert await site.sweep(max_age_us=50) == 0


async def test_the_newest_event_stays_and_offsets_go_on_after_it(site: Site) -> None:
    await site.append(20)
    site.clock.us = 10_000
    await site.sweep(max_age_us=1)
    assert await site.offsets() == [20]
    await site.restart()
    await site.append(1)
    assert await site.offsets() == [20, 21]


async def test_nothing_goes_that_a_listener_has_not_handled(site: Site) -> None:
    await site.append(50)
    site.clock.us = 10_000
    site.holds.after = 30
    assert await site.sweep(max_age_us=1) == 30
    assert site.retention.held_back is not None
    assert "slow" in site.retention.held_back
    site.holds.after = 50
    assert await site.sweep(max_age_us=1) == 19
    assert site.retention.held_back is None


async def test_an_event_with_a_failed_delivery_stays_and_is_found(site: Site) -> None:
    await site.append(80)
    site.clock.us = 10_000
    site.holds.offsets = {3, 33}
    await site.sweep(max_age_us=1)
    assert await site.offsets() == [3, 33, 80]
    assert await site.offsets(Filter(subject="s0")) == [3, 33]
    assert (await site.log.history.at(33)) is not None
    assert (await site.log.history.get("e33")) is not None


async def test_what_was_held_goes_once_it_is_free(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEEPS_FROM_START", 1)
    await site.append(40)
    site.clock.us = 10_000
    site.holds.offsets = {5}
    await site.sweep(max_age_us=1)
    site.holds.offsets = set()
    assert await site.sweep(max_age_us=1) == 1
    assert await site.offsets() == [40]


async def test_what_was_held_goes_where_the_settings_are_taken_over_anew(site: Site) -> None:
    await site.append(40)
    site.clock.us = 10_000
    site.holds.offsets = {5}
    await site.sweep(max_age_us=1)
    site.holds.offsets = set()
    assert await site.sweep(max_age_us=1) == 0
    site.retention.change(site.retention.settings)
    assert await site.retention.sweep() == 1


async def test_the_oldest_go_while_the_log_is_too_large(site: Site) -> None:
    await site.append(3000)
    site.clock.us = 3001
    before = await site.retention._old.bytes()
    assert await site.sweep(max_bytes=before // 2) > 0
    assert await site.retention._old.bytes() <= before // 2
    left = await site.offsets()
    assert left == list(range(left[0], 3001))
    assert await site.sweep(max_bytes=before) == 0


async def test_an_id_within_the_dedupe_window_is_never_forgotten(site: Site) -> None:
    site.log.dedupe.window_us = 1000
    await site.append(60)
    site.clock.us = 1040
    await site.sweep(max_age_us=1)
    assert await site.offsets() == list(range(40, 61))
    told: list[object] = []
    site.log.submit([row("e50", subject="s2", received_us=1040)], told.append)
    await site.log.flush()
    assert told == [(-50,)]


async def test_a_reader_from_the_beginning_gets_what_is_left(site: Site) -> None:
    await site.append(40)
    site.clock.us = 10_000
    site.holds.after = 35
    await site.sweep(max_age_us=1)
    page = await site.log.read(0, 100)
    assert [event.offset for event in page.events] == [36, 37, 38, 39, 40]


async def test_a_store_that_cannot_be_read_delays_the_sweep_and_ends_nothing(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    await site.append(10)
    site.clock.us = 100
    site.holds.broken = apsw.FullError("database or disk is full")
    running = asyncio.create_task(site.retention.run())
    site.retention.change(RetentionSettings(max_age_us=50))
    async with asyncio.timeout(10):
        while not caplog.messages:
            await asyncio.sleep(0.001)
        site.retention.change(RetentionSettings(max_age_us=50))
        while await site.offsets() != [10]:
            await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.wait([running])

    assert caplog.messages == ["old events could not be deleted: database or disk is full"]
