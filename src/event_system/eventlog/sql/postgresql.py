"""Appending on PostgreSQL: a function for few rows, COPY for many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from event_system.eventlog.sql.engine import Head, Landed, OneStep, Stamp, Stored
from event_system.events.event import Row
from event_system.sql.tables.log import EVENTS, ROW_COLUMNS

_LOCK = "SELECT head, received_us, room FROM log WHERE one = 1 FOR UPDATE"
# A nested loop over the index, whatever the statistics of a young partition say.
_TWINS = """
SELECT e."offset", e.received_us, e.source, e.id FROM unnest($1::BIGINT[]) AS wanted(id_key)
CROSS JOIN LATERAL (
    SELECT "offset", received_us, source, id FROM events
    WHERE id_key = wanted.id_key AND "offset" >= $2 OFFSET 0
) AS e
"""
_ADVANCE = """
WITH stamped AS (
    UPDATE log_writers SET batch = $2, first_offset = $3, seen_us = $5
    WHERE name = $1 AND batch < $2 RETURNING 1
)
UPDATE log SET head = $4, received_us = $5
WHERE one = 1 AND EXISTS (SELECT FROM stamped) RETURNING 1
"""
_STAMPED = "SELECT first_offset FROM log_writers WHERE name = $1"
_APPEND = f"SELECT * FROM log_append({', '.join(f'${i}' for i in range(1, 20))})"  # noqa: S608 - our own words
_TURN = 0x6576656E74  # a number of our own: such locks are those of one database
_COLUMNS = [column.name for column in EVENTS.columns]
assert len(ROW_COLUMNS) == 15, "the parameters of log_append"


class PostgresFunction:
    """Implements `OneStep` with a function on the server."""

    most_rows = 256

    async def append(
        self, driver: Any, rows: Sequence[Row], stamp: Stamp, since: int, window_us: int
    ) -> Landed:
        columns = map(list, zip(*rows, strict=True))
        first, not_before, twins, offsets = await driver.fetchrow(
            _APPEND, stamp.writer, stamp.number, since, window_us, *columns
        )
        indices = (number - 1 for number in twins or ())
        return Landed(first, not_before, dict(zip(indices, offsets or (), strict=True)))


class PostgresEngine:
    """Implements `Engine` with asyncpg."""

    one_step: OneStep | None = PostgresFunction()

    async def begin(self, driver: Any) -> None:
        await driver.execute("BEGIN")

    async def lock(self, driver: Any) -> Head:
        return Head(*await driver.fetchrow(_LOCK))

    async def twins(self, driver: Any, keys: Sequence[int], young: int) -> list[Stored]:
        return [Stored(*row) for row in await driver.fetch(_TWINS, list(keys), young)]

    async def insert(self, driver: Any, first: int, rows: Sequence[Row]) -> None:
        records = [(offset, *row) for offset, row in enumerate(rows, first)]
        await driver.copy_records_to_table("events", records=records, columns=_COLUMNS)

    async def advance(self, driver: Any, head: Head, stamp: Stamp) -> bool:
        moved = await driver.fetchval(_ADVANCE, *stamp, head.offset, head.received_us)
        return moved is not None

    async def stamped(self, driver: Any, writer: str) -> int | None:
        return await driver.fetchval(_STAMPED, writer)  # type: ignore[no-any-return]

    async def commit(self, driver: Any) -> None:
        await driver.execute("COMMIT")

    async def roll_back(self, driver: Any) -> None:
        await driver.execute("ROLLBACK")

    async def ends(self, driver: Any) -> tuple[int, int]:
        head, floor = await driver.fetchrow("SELECT head, floor FROM log")
        return head, floor

    async def take_turn(self, driver: Any, seconds: float) -> bool:
        try:
            await driver.execute(f"SELECT pg_advisory_lock({_TURN})", timeout=seconds)
        except TimeoutError:  # it may have come at the last moment
            await self.end_turn(driver)
            return False
        return True

    async def end_turn(self, driver: Any) -> None:
        await driver.execute(f"SELECT pg_advisory_unlock({_TURN})")
