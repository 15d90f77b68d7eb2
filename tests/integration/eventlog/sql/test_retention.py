"""Old events go from a server, by partitions where they can; what is still needed stays."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa

from event_system.eventlog.retention import Retention, RetentionSettings
from event_system.eventlog.sql import partitions, retention
from event_system.eventlog.sql.log import SqlEventLog
from event_system.eventlog.sql.retention import SqlOld
from event_system.events.ports import Filter, Hold
from event_system.sql.dsn import Dsn
from event_system.sql.tables.log import LOG
from tests.support.rows import row
from tests.support.sql import ENGINES, SharedDatabases, connecting
from tests.support.sql_log import sql_log

PART = 40


class Holds:
    """What listeners need, set by the test."""

    def __init__(self) -> None:
        self.after: int | None = None
        self.offsets: set[int] = set()

    def needed(self) -> Hold | None:
        return None if self.after is None else Hold(self.after, "slow")

    async def held(self, first: int, last: int) -> list[int]:
        return sorted(at for at in self.offsets if first <= at <= last)


class SetClock:
    def __init__(self) -> None:
        self.us = 0

    def now_us(self) -> int:
        return self.us

    def monotonic(self) -> float:
        return 0.0


class Site:
    """A log and its retention; event `n` is received at `n` microseconds."""

    def __init__(self, log: SqlEventLog, clock: SetClock) -> None:
        self.log = log
        self.clock = clock
        self.holds = Holds()
        self.retention = Retention(
            SqlOld(log), self.holds, now_us=clock.now_us, monotonic=clock.monotonic
        )

    async def append(self, count: int) -> None:
        first = self.log.head + 1
        for start in range(first, first + count, 20):
            rows = [
                row(f"e{at}", subject=f"s{at % 3}", received_us=at, data=b"1" * 100)
                for at in range(start, min(start + 20, first + count))
            ]
            self.log.submit(rows, lambda appended: None)
            await self.log.flush()

    async def sweep(self, **limits: int) -> int:
        self.retention.settings = RetentionSettings(**limits)
        return await self.retention.sweep()

    async def offsets(self, query: Filter | None = None) -> list[int]:
        page = await self.log.history.find(
            query or Filter(), limit=10_000, newest_first=False, cursor=None
        )
        return [event.offset for event in page.events]

    async def parts(self) -> list[int]:
        """The first offsets of the partitions that hold something."""
        return [part.first for part in await self.log.partitions.all() if part.first <= 1_000]


@pytest.fixture(params=ENGINES)
async def site(
    request: pytest.FixtureRequest, databases: SharedDatabases, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    monkeypatch.setattr(partitions, "SMALLEST", PART)
    monkeypatch.setattr(partitions, "LARGEST", PART)
    monkeypatch.setattr("event_system.eventlog.sql.attempts.LARGEST_COMMIT", 1)
    monkeypatch.setattr(retention, "CHUNK_EVENTS", 7)
    dsn = databases.fresh(request.param)
    small_first_partition(dsn)
    clock = SetClock()
    async with sql_log(dsn, clock=clock, window_us=0) as log:
        yield Site(log, clock)


def small_first_partition(dsn: Dsn) -> None:
    with connecting(dsn) as connection:
        if dsn.dialect == "postgresql":
            connection.execute(sa.text("DROP TABLE events_1"))
            bounds = f"FOR VALUES FROM (1) TO ({PART + 1})"
            connection.execute(sa.text(f"CREATE TABLE events_1 PARTITION OF events {bounds}"))
        else:
            part = f"PARTITION events_1 VALUES LESS THAN ({PART + 1})"
            statement = f"ALTER TABLE events PARTITION BY RANGE (`offset`) ({part})"
            connection.execute(sa.text(statement))
        connection.execute(sa.update(LOG).values(room=PART))


async def test_whole_partitions_go_and_what_is_left_of_the_next_in_chunks(site: Site) -> None:
    await site.append(130)
    site.clock.us = 140
    assert await site.parts() == [1, 41, 81, 121]

    assert await site.sweep(max_age_us=50) == 89
    assert await site.offsets() == list(range(90, 131))
    assert await site.parts() == [81, 121]
    assert site.log.floor == 89
    assert await site.sweep(max_age_us=50) == 0


async def test_the_newest_event_stays_and_offsets_go_on_after_it(site: Site) -> None:
    await site.append(80)
    site.clock.us = 10_000

    await site.sweep(max_age_us=1)
    await site.append(1)

    assert await site.offsets() == [80, 81]


async def test_nothing_goes_that_a_listener_has_not_handled(site: Site) -> None:
    await site.append(90)
    site.clock.us = 10_000
    site.holds.after = 60

    assert await site.sweep(max_age_us=1) == 60
    assert site.retention.held_back is not None
    site.holds.after = 90
    assert await site.sweep(max_age_us=1) == 29


async def test_an_event_with_a_failed_delivery_stays_and_is_found(site: Site) -> None:
    await site.append(130)
    site.clock.us = 10_000
    site.holds.offsets = {3, 53}

    assert await site.sweep(max_age_us=1) == 127
    assert await site.offsets() == [3, 53, 130]
    assert await site.offsets(Filter(subject="s2")) == [53]
    assert await site.offsets(Filter(since_us=4)) == [53, 130]
    assert await site.parts() == [1, 41, 121]
    assert (await site.log.history.get("e53")) is not None
    page = await site.log.read(0, 100)
    assert [event.offset for event in page.events] == [3, 53, 130]


async def test_the_oldest_go_while_the_log_is_too_large(site: Site) -> None:
    await site.append(400)
    site.clock.us = 401
    if (size := await site.retention._old.bytes()) == 0:
        pytest.skip("the server has not measured its tables yet")

    assert await site.sweep(max_bytes=size // 2) > 0
    left = await site.offsets()
    assert left == list(range(left[0], 401))
    assert len(left) < 300


async def test_an_id_within_the_dedupe_window_is_never_forgotten(site: Site) -> None:
    site.log.find_duplicates_for(1000)
    await site.append(100)
    site.clock.us = 1060
    told: list[object] = []

    await site.sweep(max_age_us=1)
    site.log.submit([row("e70", subject="s1", received_us=1060)], told.append)
    await site.log.flush()

    assert await site.offsets() == list(range(60, 101))
    assert told == [[-70]]


async def test_a_log_without_events_has_nothing_to_delete(site: Site) -> None:
    site.clock.us = 10_000
    assert await site.sweep(max_age_us=1, max_bytes=1) == 0
