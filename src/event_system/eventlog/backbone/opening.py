"""Whether stream and tables are one log."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import sqlalchemy as sa

from event_system.eventlog.backbone.stream import Stream
from event_system.eventlog.backbone.tail import Tail
from event_system.eventlog.sql.facts import Facts
from event_system.kernel.errors import BackboneMismatchError
from event_system.sql.database import Database
from event_system.sql.tables.log import LOG

AGAIN_SECONDS = 0.05


async def join(database: Database, stream: Stream, facts: Facts) -> None:
    """Open the stream of the tables' log, and note in the tables that it is.

    Raises `BackboneMismatchError`, `BackboneRefusedError` and `StorageError`.
    """
    if facts.backbone not in (None, stream.name):
        raise BackboneMismatchError(
            f"the events of this database come in through the stream {facts.backbone!r}, "
            f"not {stream.name!r}: mend backbone.stream"
        )
    if facts.backbone is not None:
        await stream.open(facts)
        return
    await stream.open(replace(facts, place=None))  # one that there is is of an earlier stream
    async with database.transaction() as connection:
        fresh = sa.update(LOG).where(LOG.c.backbone.is_(None))
        await connection.execute(fresh.values(backbone=stream.name, place=None))


async def load(stream: Stream, tail: Tail) -> None:
    """Read what the tables do not have yet. Raises `StorageError`."""
    last = await stream.last()
    while tail.head < last:
        found = await stream.after(tail.head)
        tail.take(found)
        if not found:  # one of the servers lags behind: another one may answer
            await asyncio.sleep(AGAIN_SECONDS)


def gone(name: str, facts: Facts) -> BackboneMismatchError:
    """The error for a stream that is not there, though the tables' events came in through it."""
    return BackboneMismatchError(
        f"the stream {name!r} is gone; the tables have events up to offset {facts.head}"
    )


def check_owner(name: str, owner: str | None, facts: Facts) -> None:
    """`owner` is the identity of the log that a stream was made for, as it says itself."""
    if owner != str(facts.identity):
        raise BackboneMismatchError(
            f"the stream {name!r} was not made for this database: name another backbone.stream"
        )


def check_ends(name: str, first: int, last: int, facts: Facts) -> None:
    """Raise where the stream's events, `first` to `last`, and those of the tables leave a gap.

    Of a stream without any, `first` is one above `last`.
    """
    if last < facts.head:
        raise BackboneMismatchError(
            f"the stream {name!r} ends at offset {last}, the tables at {facts.head}: "
            "the stream has lost events"
        )
    if first > facts.head + 1:
        raise BackboneMismatchError(
            f"the tables end at offset {facts.head}, the stream {name!r} begins at "
            f"{first}: the database is too old"
        )
