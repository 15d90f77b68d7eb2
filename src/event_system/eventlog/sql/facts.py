"""What a log on a server is, as it is found when it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.eventlog.sql.delayed import SqlDelayedStore
from event_system.eventlog.sql.engine import Engine
from event_system.eventlog.sql.mysql import MysqlEngine
from event_system.eventlog.sql.postgresql import PostgresEngine
from event_system.eventlog.sql.schedules import LOAD as LOAD_SCHEDULES
from event_system.sql.database import Database
from event_system.sql.tables.log import LOG


@dataclass(frozen=True, slots=True)
class Facts:
    """What the server says of its log when it is opened.

    `backbone` is the stream through which events come in, None where they come in here; `place`
    where in it the event at `head` stands, if its adapter has said so.
    """

    head: int
    floor: int
    lanes: int
    identity: int
    received_us: int
    backbone: str | None
    place: int | None
    waiting: int
    next_due_us: int | None
    schedules: Sequence[sa.Row[Any]]


async def facts_of(connection: AsyncConnection, lanes: int, identity: int) -> Facts:
    """The log's facts; lanes and identity are made its own if it is opened for the first time."""
    first = {"lanes": lanes, "identity": identity}
    await connection.execute(sa.update(LOG).where(LOG.c.lanes == 0).values(first))
    found = (await connection.execute(sa.select(LOG))).one()
    waiting = (await connection.execute(SqlDelayedStore.standing())).one()
    return Facts(
        head=found.head,
        floor=found.floor,
        lanes=found.lanes,
        identity=found.identity,
        received_us=found.received_us,
        backbone=found.backbone,
        place=found.place,
        waiting=waiting[0],
        next_due_us=waiting[1],
        schedules=(await connection.execute(LOAD_SCHEDULES)).all(),
    )


async def engine_of(database: Database) -> Engine:
    """The statements of this server's kind. Raises `StorageError`."""
    if database.dialect == "postgresql":
        return PostgresEngine()
    async with database.read() as connection:
        return MysqlEngine(int(await connection.scalar(sa.text("SELECT @@max_allowed_packet"))))
