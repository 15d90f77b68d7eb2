"""A verification of a server while nodes are at work: what is under way is no finding."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from event_system.consistency.report import Report
from event_system.delivery.ports import DEAD, RETRYING, Cursor, Failure
from event_system.eventlog.sql.log import SqlEventLog
from event_system.eventlog.sql.verification import SqlLogStore
from event_system.events.event import Row
from event_system.kernel.clock import SystemClock
from event_system.scheduling.delayed import answer_of
from event_system.scheduling.ports import Held
from event_system.sql.dsn import Dsn
from event_system.sql.migrate import connected
from event_system.sql.tables.log import LOG
from event_system.sql.tables.state import FAILURE_COUNTS
from tests.contract.state.places import State, on_server
from tests.support.kept import Kept, codes
from tests.support.memory_retries import failure
from tests.support.rows import row
from tests.support.sql import ENGINES, SharedDatabases, connecting, opened
from tests.support.sql_log import sql_log

LOOKS = 4
NOW = SystemClock().now_us()


class Work:
    """Appends, fires, moves cursors, fails and settles, all at once and without a pause."""

    def __init__(self, log: SqlEventLog, state: State) -> None:
        self._log = log
        self._state = state
        self._tasks: list[asyncio.Task[None]] = []
        self.rounds = 0

    async def __aenter__(self) -> Work:
        await self._state.register({"x": 0})
        self._tasks = [asyncio.create_task(each()) for each in (self._deliver, self._delay)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with pytest.raises(asyncio.CancelledError):
                await task

    async def _deliver(self) -> None:
        while True:
            rows = [row(f"e{self.rounds}-{n}", received_us=NOW) for n in range(20)]
            offsets = await self._append(rows)
            failed = [_failed(at, each[4]) for at, each in zip(offsets[:4], rows, strict=False)]
            cursors = [Cursor("x", lane, offsets[-1], caught_up=True) for lane in range(4)]
            await self._state.save(offsets[-1], cursors, failed)
            await self._state.save(offsets[-1], [], [], [("x", at) for at in offsets[:3]])
            self.rounds += 1

    async def _append(self, rows: list[Row]) -> list[int]:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._log.submit(rows, done.set_result)
        return [abs(at) for at in await done]

    async def _delay(self) -> None:
        number = 0
        while True:
            number += 1
            later = Held(row(f"later{number}", received_us=NOW), NOW + 1)
            await answer_of(partial(self._log.delayed.accept, [later]))
            await answer_of(partial(self._log.delayed.fire, NOW + 2, NOW + 2))


def _failed(offset: int, lane: int) -> Failure:
    made = failure("x", offset, state=DEAD if offset % 2 else RETRYING, at_us=NOW)
    return replace(made, lane=lane)


@pytest.fixture(params=ENGINES)
def kept(request: pytest.FixtureRequest, tmp_path: Path, databases: SharedDatabases) -> Kept:
    return Kept(tmp_path, databases.emptied(request.param))


async def test_what_is_under_way_is_no_finding_and_can_be_repaired_under(kept: Kept) -> None:
    assert kept.dsn is not None
    async with sql_log(kept.dsn) as log, opened(kept.dsn) as database:
        state = (await on_server(database)).state
        async with Work(log, state) as work:
            for _ in range(LOOKS):
                assert (await look(kept)).findings == []
            await asyncio.to_thread(miscount, kept.dsn)
            mended = await look(kept, repairing=True)
            assert codes(mended) == {"failure.counts"}
            assert mended.is_clean
            assert (await look(kept)).findings == []
            assert work.rounds > 0
        await state.close()
    assert kept.verify().findings == []


async def test_tables_that_follow_a_stream_are_waited_for(kept: Kept) -> None:
    assert kept.dsn is not None
    with connected(kept.dsn) as reading, connecting(kept.dsn) as server:
        reading.execution_options(isolation_level="AUTOCOMMIT")
        store = SqlLogStore(reading, reading, looks=100)
        looking = asyncio.create_task(asyncio.to_thread(store.bounds, 7))
        done, _ = await asyncio.wait([looking], timeout=0.1)
        assert not done
        server.execute(LOG.update().values(head=7))
        assert (await looking).head == 7
        assert SqlLogStore(reading, reading).bounds(8).head == 7


def miscount(dsn: Dsn) -> None:
    with connecting(dsn) as server:
        server.execute(FAILURE_COUNTS.update().values(number=FAILURE_COUNTS.c.number + 5))


async def look(kept: Kept, *, repairing: bool = False) -> Report:
    return await asyncio.to_thread(kept.verify, repairing=repairing)
