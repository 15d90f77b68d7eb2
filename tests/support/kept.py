"""A log and the state beside it, filled and closed: to be damaged, verified and repaired."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import apsw
import sqlalchemy as sa
from msgspec.structs import replace

from event_system.consistency.report import Report
from event_system.consistency.verify import Span
from event_system.database.sql.catalogue import ServerCatalogue
from event_system.database.sqlite.catalogue import SqliteCatalogue
from event_system.delivery.ports import DEAD, RETRYING, Cursor, Failure
from event_system.events.catalogue.changes import declared, renewed
from event_system.events.event import Row
from event_system.events.ports import CatalogueStore
from event_system.kernel.clock import SystemClock
from event_system.node.verification import verify_directory, verify_server
from event_system.scheduling.delayed import answer_of
from event_system.scheduling.ports import Held, KeptSchedule
from event_system.scheduling.schedule import Schedule, Template
from event_system.sql.dsn import Dsn
from tests.contract.state.places import Place, embedded, on_server
from tests.contract.state.values import replay
from tests.support.logs import STREAMED, open_stored
from tests.support.memory_retries import failure
from tests.support.rows import row
from tests.support.sql import SharedDatabases, connecting, opened

EVENTS = 60
NOW = SystemClock().now_us()
DAY_US = 86_400_000_000
ROWS: Sequence[Row] = [
    row(f"e{n}", type_=f"a.t{n % 3}", subject=f"s{n % 7}", received_us=NOW + n, data=b'{"n": 1}')
    for n in range(1, EVENTS + 1)
]
"""`ROWS[n - 1]` stands at offset n."""

Statements: TypeAlias = Sequence[tuple[str, str]]
"""A file of the data directory and SQL for it; on a server the file's name means nothing."""


class Kept:
    """What is kept: in a data directory, or on a server where `dsn` is given."""

    def __init__(self, directory: Path, dsn: Dsn | None) -> None:
        self.directory = directory
        self.dsn = dsn
        self.dialect = "sqlite" if dsn is None else dsn.dialect

    def run(self, *statements: tuple[str, str]) -> None:
        """Change what is stored, as nothing of the product would."""
        if self.dsn is None:
            for file, sql in statements:
                connection = apsw.Connection(str(self.directory / file))
                connection.execute(sql)
                connection.close()
            return
        with connecting(self.dsn) as server:
            for _, sql in statements:
                server.execute(sa.text(sql))

    def verify(self, span: Span = Span(), *, repairing: bool = False) -> Report:  # noqa: B008
        clock = SystemClock()
        if self.dsn is None:
            return verify_directory(
                self.directory, span, repairing=repairing, clock=clock, moved=_nobody
            )
        return verify_server(self.dsn, span, repairing=repairing, clock=clock, moved=_nobody)


def _nobody(place: int, total: int, events: int) -> None:
    """Nobody looks at the progress."""


def codes(report: Report) -> set[str]:
    return {entry.code for entry in report.findings}


@asynccontextmanager
async def filled(name: str, directory: Path, databases: SharedDatabases) -> AsyncIterator[Kept]:
    """A log of 60 events with a bit of everything beside it; nothing has it open."""
    async with open_stored(name, directory, databases) as log:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        log.submit(ROWS, done.set_result)
        await done
        later = Held(row("later", received_us=NOW), NOW + DAY_US)
        await answer_of(partial(log.delayed.accept, [later]))
        hourly = Schedule(cron="0 * * * *", event=Template("tick"))
        kept = KeptSchedule(name="tick", revision=1, definition=hourly, next_us=NOW + DAY_US)
        await answer_of(partial(log.schedules.put, kept, None))
    if name == "embedded":
        await _fill(await embedded(directory), SqliteCatalogue(directory))
        yield Kept(directory, None)
        return
    dsn = databases.current("postgresql" if name in STREAMED else name)
    async with opened(dsn) as database:
        await _fill(await on_server(database), ServerCatalogue(database))
    yield Kept(directory, dsn)


async def _fill(place: Place, types: CatalogueStore) -> None:
    state = place.state
    await state.register({"x": 0, "board": 0})
    cursors = [Cursor("x", lane, 30 + lane, caught_up=lane == 0) for lane in range(4)]
    await state.save(EVENTS, cursors, [failed("x", 3, RETRYING), failed("x", 5, DEAD)])
    await state.replays.add(replay("x", ends={0: 30}, through=40, cursors={0: 4}))
    board = await state.open_batches("board", 0)
    await board.advance(35, failed("board", 7, DEAD))
    board.close()
    await state.close()
    entry = renewed(declared("a.t0", {"owner": "team"}, "api"), None, NOW)
    await types.put(entry, None)
    if isinstance(types, SqliteCatalogue):
        await types.close()


def failed(listener: str, offset: int, state: str) -> Failure:
    """A failed delivery of the event at this offset."""
    stored = ROWS[offset - 1]
    made = failure(listener, offset, state=state, type_=stored[5], at_us=NOW)
    return replace(made, lane=stored[4])
