"""A server that goes away and comes back while events are appended and read."""

from __future__ import annotations

import asyncio
import signal
from itertools import count

import pytest

from event_system.eventlog.sql.log import SqlEventLog
from event_system.events.ports import Appended, Commit
from event_system.kernel.errors import EventSystemError, StorageError
from event_system.sql import migrate
from tests.support.rows import row
from tests.support.servers import private_server
from tests.support.sql import ENGINES
from tests.support.sql_log import sql_log
from tests.support.waiting import until

SENDERS = 8


class Traffic:
    """Senders that send an event again until it is accepted, and a reader beside them."""

    def __init__(self) -> None:
        self.accepted: dict[str, int] = {}
        self.refused = 0
        self.told: list[tuple[int, str]] = []
        self.read: list[tuple[int, str]] = []
        self.ending = False
        self.ended = False

    def note(self, commit: Commit) -> None:
        ids = (stored[7] for stored in commit.rows)
        self.told += enumerate(ids, commit.first)

    async def send(self, log: SqlEventLog, sender: int) -> None:
        for number in count():
            if self.ending:
                return
            id_ = f"{sender}-{number}"
            while (offset := await self._try(log, id_)) is None:
                self.refused += 1
                await asyncio.sleep(0.01)
            self.accepted[id_] = offset

    async def _try(self, log: SqlEventLog, id_: str) -> int | None:
        done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        log.submit([row(id_)], done.set_result)
        found = await done
        if isinstance(found, Exception):
            assert isinstance(found, StorageError)
            return None
        return abs(found[0])

    async def follow(self, log: SqlEventLog) -> None:
        after = 0
        while not self.ended or after < log.head:
            try:
                page = await log.read(after, 100)
            except EventSystemError:
                page = None
            if page is not None:
                self.read += ((event.offset, event.id) for event in page.events)
                after = page.through
            await asyncio.sleep(0.002)


@pytest.mark.parametrize("engine", ENGINES)
async def test_what_was_accepted_is_there_once_and_in_order(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("event_system.eventlog.sql.attempts.SqlAttempts.patience_seconds", 0.3)
    traffic = Traffic()
    with private_server(engine) as server:
        migrate.upgrade(server.dsn)
        async with sql_log(server.dsn, on_commit=traffic.note) as log:
            sending = [asyncio.create_task(traffic.send(log, n)) for n in range(SENDERS)]
            following = asyncio.create_task(traffic.follow(log))
            for how in (signal.SIGKILL, signal.SIGINT):
                enough = len(traffic.accepted) + 200
                await until(lambda enough=enough: len(traffic.accepted) >= enough)  # type: ignore[misc]
                refused = traffic.refused
                await asyncio.to_thread(server.stop, how)
                await until(lambda refused=refused: traffic.refused > refused)  # type: ignore[misc]
                assert log.failure is not None
                await asyncio.to_thread(server.start)
            enough = len(traffic.accepted) + 200
            await until(lambda: len(traffic.accepted) >= enough)
            traffic.ending = True
            await asyncio.gather(*sending)
            traffic.ended = True
            await following
            assert log.failure is None

    offsets = [offset for offset, _ in traffic.told]
    assert offsets == list(range(1, log.head + 1))
    assert traffic.read == traffic.told
    assert len({id_ for _, id_ in traffic.told}) == len(traffic.told)
    assert {id_: offset for offset, id_ in traffic.told} == traffic.accepted
