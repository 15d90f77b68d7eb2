"""Appending on MySQL and MariaDB: INSERT statements of many rows.

Values are written as numbers and hexadecimal strings, which mean the same in every SQL mode and
cost the driver nothing to escape.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from event_system.eventlog.sql.engine import Head, OneStep, Stamp, Stored
from event_system.events.event import Row
from event_system.kernel.errors import StorageError

STATEMENT_BYTES = 4_194_304
"""A statement is not made longer than this; one of a single row may be."""

_KEYS_PER_LOOK = 2_000
_LOCK = "SELECT head, received_us, room FROM log WHERE one = 1 FOR UPDATE"
_TWINS = (
    "SELECT `offset`, received_us, source, id FROM events WHERE `offset` >= {} AND id_key IN ({})"
)
_TURN = "left(concat('event-system turns of ', DATABASE()), 64)"
_INSERT = "INSERT INTO events VALUES "
_STAMPED = "SELECT first_offset FROM log_writers WHERE name = {}"
_ADVANCE = """
UPDATE log, log_writers SET log.head = {head.offset}, log.received_us = {head.received_us},
log_writers.batch = {stamp.number}, log_writers.first_offset = {stamp.first},
log_writers.seen_us = {head.received_us}
WHERE log.one = 1 AND log_writers.name = {writer} AND log_writers.batch < {stamp.number}
"""


class MysqlEngine:
    """Implements `Engine` with asyncmy. `packet_bytes` is the server's `max_allowed_packet`."""

    one_step: OneStep | None = None

    def __init__(self, packet_bytes: int) -> None:
        self._packet_bytes = packet_bytes

    async def begin(self, driver: Any) -> None:
        await _run(driver, "START TRANSACTION")

    async def lock(self, driver: Any) -> Head:
        return Head(*(await _fetch(driver, _LOCK))[0])

    async def twins(self, driver: Any, keys: Sequence[int], young: int) -> list[Stored]:
        found: list[Stored] = []
        for start in range(0, len(keys), _KEYS_PER_LOOK):
            wanted = ",".join(map(str, keys[start : start + _KEYS_PER_LOOK]))
            for offset, received_us, source, id_ in await _fetch(
                driver, _TWINS.format(young, wanted)
            ):
                found.append(Stored(offset, received_us, source.decode(), id_.decode()))
        return found

    async def insert(self, driver: Any, first: int, rows: Sequence[Row]) -> None:
        for values in self._statements(first, rows):
            await _run(driver, _INSERT + ",".join(values))

    def _statements(self, first: int, rows: Sequence[Row]) -> Iterator[list[str]]:
        values: list[str] = []
        size = 0
        for offset, row in enumerate(rows, first):
            value = f"({offset},{','.join(map(_literal, row))})"
            if len(value) + len(_INSERT) >= self._packet_bytes:
                raise StorageError(
                    f"an event takes {len(value)} bytes to write, over the server's "
                    f"max_allowed_packet of {self._packet_bytes}"
                )
            if values and size + len(value) > min(STATEMENT_BYTES, self._packet_bytes - 1024):
                yield values
                values, size = [], 0
            values.append(value)
            size += len(value) + 1
        if values:
            yield values

    async def advance(self, driver: Any, head: Head, stamp: Stamp) -> bool:
        writer = _literal(stamp.writer)
        return await _run(driver, _ADVANCE.format(head=head, stamp=stamp, writer=writer)) > 0

    async def stamped(self, driver: Any, writer: str) -> int | None:
        found = await _fetch(driver, _STAMPED.format(_literal(writer)))
        return int(found[0][0]) if found else None

    async def commit(self, driver: Any) -> None:
        await _run(driver, "COMMIT")

    async def roll_back(self, driver: Any) -> None:
        await _run(driver, "ROLLBACK")

    async def ends(self, driver: Any) -> tuple[int, int]:
        head, floor = (await _fetch(driver, "SELECT head, floor FROM log"))[0]
        return head, floor

    async def take_turn(self, driver: Any, seconds: float) -> bool:
        ((taken,),) = await _fetch(driver, f"SELECT GET_LOCK({_TURN}, {seconds:.3f})")
        return bool(taken)

    async def end_turn(self, driver: Any) -> None:
        await _fetch(driver, f"SELECT RELEASE_LOCK({_TURN})")


def _literal(value: int | str | bytes | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    raw = value.encode() if isinstance(value, str) else value
    return f"x'{raw.hex()}'"


async def _run(driver: Any, statement: str) -> int:
    """The number of rows that the statement changed."""
    async with driver.cursor() as cursor:
        await cursor.execute(statement)
        return int(cursor.rowcount)


async def _fetch(driver: Any, statement: str) -> list[tuple[Any, ...]]:
    async with driver.cursor() as cursor:
        await cursor.execute(statement)
        return list(await cursor.fetchall())
