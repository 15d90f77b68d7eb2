"""A node's place among the others: a row with a lease, and what it has.

All times are the database's: a node whose clock is wrong enters, stays and is given up as any
other. What tells that it is one no more is that its row is gone, never that its lease has ended;
every transaction that only an owner may make looks at that row last, and holds it until its
commit. So whoever takes what a node had has either waited for that commit, or made it fail.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.cluster.ports import Introduction, Member, Thing, View
from event_system.kernel.errors import LeaseLostError
from event_system.sql.database import Database
from event_system.sql.tables.cluster import NODES, OWNED
from event_system.sql.tables.leases import now_us

LEASE_SECONDS: Final = 8.0
SECOND_US: Final = 1_000_000
_PORTION: Final = 500


class Membership:
    """Implements `cluster.ports.Stay`. Every method raises `StorageError` without the server."""

    def __init__(
        self,
        database: Database,
        id_: str,
        introduction: Introduction,
        monotonic: Callable[[], float],
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self.id = id_
        self.until = 0.0
        self._database = database
        self._introduction = introduction
        self._monotonic = monotonic
        self._lease_seconds = lease_seconds
        self._now_us = now_us(database.dialect)

    # Coming, staying, going

    async def enter(self) -> None:
        """Be a member."""
        asked = self._monotonic()

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                NODES.insert().values(
                    id=self.id,
                    name=self._introduction.name,
                    address=self._introduction.address,
                    roles=",".join(sorted(self._introduction.roles)),
                    version=self._introduction.version,
                    entered_us=self._now_us,
                    expires_us=self._end,
                )
            )

        await self._database.perform(work)
        self.until = asked + self._lease_seconds

    async def introduce(self, things: Iterable[Thing]) -> None:
        """There are these to be had, as far as this node knows. Idempotent."""
        rows = [{"kind": t.kind, "name": t.name} for t in sorted(things)]

        async def work(connection: AsyncConnection) -> None:
            for start in range(0, len(rows), _PORTION):
                await connection.execute(self._missing(rows[start : start + _PORTION]))

        await self._database.perform(work)

    def _missing(self, rows: list[dict[str, str]]) -> sa.Insert:
        if self._database.dialect == "postgresql":
            return postgresql.insert(OWNED).values(rows).on_conflict_do_nothing()
        return mysql.insert(OWNED).values(rows).prefix_with("IGNORE")

    @property
    def _end(self) -> sa.ColumnElement[int]:
        return self._now_us + round(self._lease_seconds * SECOND_US)

    async def renew(self) -> View:
        """Stay for as long again, free what those had whose lease has ended, and look around.

        Raises `LeaseLostError` where others have given this node up.
        """
        asked = self._monotonic()

        async def work(connection: AsyncConnection) -> View:
            mine = NODES.update().where(NODES.c.id == self.id).values(expires_us=self._end)
            if (await connection.execute(mine)).rowcount == 0:
                raise self._lost()
            members = await self._members(connection)
            gone = {m.id for m in members.values() if m.seconds < 0 and m.id != self.id}
            if gone:
                gone = await self._bury(connection, gone)
            owners = await connection.execute(sa.select(OWNED))
            return View(
                {id_: member for id_, member in members.items() if id_ not in gone},
                {Thing(row.kind, row.name): row.node for row in owners},
            )

        view = await self._database.perform(work)
        self.until = asked + self._lease_seconds
        return view

    async def _members(self, connection: AsyncConnection) -> dict[str, Member]:
        rows = await connection.execute(sa.select(NODES, self._now_us.label("now_us")))
        return {
            row.id: Member(
                id=row.id,
                name=row.name,
                address=row.address,
                roles=frozenset(row.roles.split(",")),
                version=row.version,
                entered_us=row.entered_us,
                seconds=(row.expires_us - row.now_us) / SECOND_US,
            )
            for row in rows
        }

    async def _bury(self, connection: AsyncConnection, gone: Collection[str]) -> set[str]:
        """Forget nodes whose lease has ended, unless one is just committing or renewing."""
        ended = (
            sa.select(NODES.c.id)
            .where(NODES.c.id.in_(sorted(gone)), NODES.c.expires_us < self._now_us)
            .with_for_update(skip_locked=True)
        )
        dead = set((await connection.scalars(ended)).all())
        if dead:
            await connection.execute(OWNED.update().where(OWNED.c.node.in_(dead)).values(node=None))
            await connection.execute(NODES.delete().where(NODES.c.id.in_(dead)))
        return dead

    async def look(self) -> View:
        """The cluster as it is, without being a member."""
        async with self._database.read() as connection:
            members = await self._members(connection)
            owners = await connection.execute(sa.select(OWNED))
            return View(members, {Thing(row.kind, row.name): row.node for row in owners})

    async def leave(self) -> None:
        """Be a member no more; what it still has is free at once. Idempotent."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                OWNED.update().where(OWNED.c.node == self.id).values(node=None)
            )
            await connection.execute(NODES.delete().where(NODES.c.id == self.id))

        await self._database.perform(work)

    # Having

    async def claim(self, things: Collection[Thing]) -> list[Thing]:
        """Have these, as far as they are free; which of them that is. Raises `LeaseLostError`."""

        async def work(connection: AsyncConnection) -> list[Thing]:
            free = sorted(things)
            await connection.execute(
                OWNED.update().where(_any(free), OWNED.c.node.is_(None)).values(node=self.id)
            )
            rows = await connection.execute(
                sa.select(OWNED).where(_any(free), OWNED.c.node == self.id)
            )
            found = sorted(Thing(row.kind, row.name) for row in rows)
            await connection.run_sync(self.fence)
            return found

        return await self._database.perform(work) if things else []

    async def give(self, things: Collection[Thing]) -> None:
        """Let others have these. What this node has no more is left alone."""

        async def work(connection: AsyncConnection) -> None:
            mine = OWNED.update().where(_any(sorted(things)), OWNED.c.node == self.id)
            await connection.execute(mine.values(node=None))

        if things:
            await self._database.perform(work)

    def fence(self, connection: sa.Connection) -> None:
        """The last of a transaction that only a member may make. Raises `LeaseLostError`.

        Until the commit nobody can give this node up.
        """
        row = (
            sa.select(NODES.c.id)
            .where(NODES.c.id == self.id)
            .with_for_update(read=True, key_share=True)
        )
        if connection.scalar(row) is None:
            raise self._lost()

    def _lost(self) -> LeaseLostError:
        return LeaseLostError("the others have given this node up, as it did not answer in time")


def _any(things: Collection[Thing]) -> sa.ColumnElement[bool]:
    kinds: dict[str, list[str]] = {}
    for thing in things:
        kinds.setdefault(thing.kind, []).append(thing.name)
    return sa.or_(
        *(sa.and_(OWNED.c.kind == kind, OWNED.c.name.in_(names)) for kind, names in kinds.items())
    )
