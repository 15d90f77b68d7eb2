"""Leases: a name that one node at a time holds, by the database's clock, with a fence.

Whoever acquires a lease gets an `epoch`, one higher than the holder's before. A transaction that
only the holder may make ends with `fence`: it fails where the lease has changed hands, however
long ago the old holder looked at its own clock. So a node that was stopped and goes on later can
do no harm, which expiry by clocks alone would not say.

The scheme is that of M. Kleppmann, "How to do distributed locking" (2016): fencing tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.kernel.errors import LeaseLostError
from event_system.sql.database import Database
from event_system.sql.dsn import Dialect
from event_system.sql.tables.leases import LEASES, LONGEST_OWNER, now_us

SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease that was asked for, and the seconds until it ends unless renewed."""

    owner: str
    seconds: float


class Leases:
    """The leases of a database. Every method raises `StorageError` where the server is away."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now_us = now_us(database.dialect)

    async def acquire(self, name: str, owner: str, seconds: float) -> int | Holder:
        """The epoch of a lease that is free, has ended, or is `owner`'s; else who holds it."""

        async def work(connection: AsyncConnection) -> int | Holder:
            await connection.execute(_free(self._database.dialect, name))
            row = (
                await connection.execute(
                    sa.select(LEASES, self._now_us.label("now_us"))
                    .where(LEASES.c.name == name)
                    .with_for_update()
                )
            ).one()
            if row.owner != owner[:LONGEST_OWNER] and row.expires_us > row.now_us:
                return Holder(row.owner, (row.expires_us - row.now_us) / SECOND_US)
            await connection.execute(
                _of(name, row.epoch).values(
                    owner=owner[:LONGEST_OWNER],
                    epoch=row.epoch + 1,
                    expires_us=self._now_us + round(seconds * SECOND_US),
                )
            )
            return int(row.epoch) + 1

        return await self._database.perform(work)

    async def renew(self, name: str, epoch: int, seconds: float) -> None:
        """Let it last for so long from now on, also where it had ended but nobody took it.

        Raises `LeaseLostError`.
        """
        await self._change(name, epoch, self._now_us + round(seconds * SECOND_US))

    async def release(self, name: str, epoch: int) -> None:
        """Let the next one have it at once. Raises `LeaseLostError`."""
        await self._change(name, epoch, 0)

    async def _change(self, name: str, epoch: int, expires_us: Any) -> None:
        async with self._database.transaction() as connection:
            done = await connection.execute(_of(name, epoch).values(expires_us=expires_us))
            if done.rowcount == 0:
                raise LeaseLostError(f"another node has taken the lease {name!r}")


def fence(name: str) -> sa.Select[Any]:
    """The statement whose one value has to be our epoch; see `check_fence`.

    It belongs at the end of a transaction: until the commit nobody else can acquire the lease,
    and on MySQL nobody can renew it either.
    """
    return (
        sa.select(LEASES.c.epoch)
        .where(LEASES.c.name == name)
        .with_for_update(read=True, key_share=True)
    )


async def check_fence(connection: AsyncConnection, name: str, epoch: int) -> None:
    """Raises `LeaseLostError` unless the lease still has this epoch, and will until the commit."""
    compare(name, await connection.scalar(fence(name)), epoch)


def check_fence_sync(connection: sa.Connection, name: str, epoch: int) -> None:
    """The same in a synchronous transaction."""
    compare(name, connection.scalar(fence(name)), epoch)


def compare(name: str, found: int | None, epoch: int) -> None:
    """Raises `LeaseLostError` where the epoch that `fence` found is another one."""
    if found != epoch:
        raise LeaseLostError(f"another node has taken the lease {name!r}")


def _of(name: str, epoch: int) -> sa.Update:
    return LEASES.update().where(LEASES.c.name == name, LEASES.c.epoch == epoch)


def _free(dialect: Dialect, name: str) -> sa.Insert:
    row = {"name": name, "owner": "", "epoch": 0, "expires_us": 0}
    if dialect == "postgresql":
        return postgresql.insert(LEASES).values(row).on_conflict_do_nothing()
    return mysql.insert(LEASES).values(row).on_duplicate_key_update(name=LEASES.c.name)
