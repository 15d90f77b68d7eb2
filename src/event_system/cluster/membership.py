"""A node's place among the others: a row with a lease, and what it has.

All times are the database's: a node whose clock is wrong enters, stays and is given up as any
other. What tells that it is one no more is that its row is gone, never that its lease has ended;
every transaction that only an owner may make looks at that row last, and holds it until its
commit. So whoever takes what a node had has either waited for that commit, or made it fail.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.cluster.clock import SECOND_US, ClusterClock
from event_system.cluster.gone import forget_gone, newest_gone, note_gone
from event_system.cluster.ports import Introduction, Member, Offers, Thing, View
from event_system.cluster.rows import member_of
from event_system.kernel.errors import LeaseLostError
from event_system.sql.database import Database
from event_system.sql.tables.cluster import NODES, OWNED, now_us

_PORTION: Final = 500


class Membership:
    """Implements `cluster.ports.Stay`. Every method raises `StorageError` without the server."""

    def __init__(
        self,
        database: Database,
        id_: str,
        introduction: Introduction,
        clock: ClusterClock,
        *,
        lease_seconds: float,
    ) -> None:
        self.id = id_
        self.lasts = lease_seconds
        self.until = 0.0
        self._database = database
        self._introduction = introduction
        self._clock = clock
        self._now_us = now_us(database.dialect)
        self._offers: dict[str, Offers] = {}

    # Coming, staying, going

    async def enter(self, *, heir: bool) -> frozenset[Thing]:
        """Be a member; what it has. An heir takes over from the process before in its place.

        That process has ended, whatever its lease says; its last transaction is waited for. From
        now on this node goes by the database's clock.
        """
        asked = self._clock.monotonic()
        introduction = msgspec.structs.asdict(self._introduction)
        introduction["roles"] = ",".join(sorted(self._introduction.roles))
        row = {"id": self.id, **introduction, "plan": ""}

        async def work(connection: AsyncConnection) -> frozenset[Thing]:
            await self._set_clock(connection)
            await forget_gone(connection, self._introduction.name)
            times = {"entered_us": self._now_us, **self._stays}
            await connection.execute(NODES.insert().values(**row, **times))
            return await self._inherit(connection) if heir else frozenset()

        inherited = await self._database.perform(work)
        self.until = asked + self.lasts
        return inherited

    async def _set_clock(self, connection: AsyncConnection) -> None:
        asked = self._clock.monotonic()
        us = (await connection.execute(sa.select(self._now_us))).scalar_one()
        self._clock.set(asked, us)

    async def _inherit(self, connection: AsyncConnection) -> frozenset[Thing]:
        before = sa.select(NODES.c.id).where(
            NODES.c.place == self._introduction.place, NODES.c.id != self.id
        )
        ended = (await connection.scalars(before.with_for_update())).all()
        its = OWNED.update().where(OWNED.c.node.in_(ended))
        await connection.execute(its.values(node=self.id))
        await connection.execute(NODES.delete().where(NODES.c.id.in_(ended)))
        mine = sa.select(OWNED).where(OWNED.c.node == self.id)
        return frozenset(Thing(row.kind, row.name) for row in await connection.execute(mine))

    async def introduce(self, things: Iterable[Thing], offers: Offers | None) -> None:
        """There are these to be had, as far as this node knows. Idempotent."""
        rows = [{"kind": t.kind, "name": t.name, "forsaken": False} for t in sorted(things)]
        content = None if offers is None else msgspec.json.encode(offers)

        async def work(connection: AsyncConnection) -> None:
            for start in range(0, len(rows), _PORTION):
                await connection.execute(self._missing(rows[start : start + _PORTION]))
            await self._say(connection, offers=content)

        await self._database.perform(work)

    async def publish(self, plan: str) -> None:
        """Let others know what this node goes by. Raises `LeaseLostError`."""
        await self._database.perform(lambda connection: self._say(connection, plan=plan))

    async def _say(self, connection: AsyncConnection, **values: Any) -> None:
        mine = NODES.update().where(NODES.c.id == self.id)
        await connection.execute(mine.values(**values))
        await connection.run_sync(self.fence)

    def _missing(self, rows: list[dict[str, Any]]) -> sa.Insert:
        if self._database.dialect == "postgresql":
            return postgresql.insert(OWNED).values(rows).on_conflict_do_nothing()
        return mysql.insert(OWNED).values(rows).on_duplicate_key_update(kind=OWNED.c.kind)

    @property
    def _stays(self) -> dict[str, Any]:
        return {
            "seen_us": self._now_us,
            "expires_us": self._now_us + round(self.lasts * SECOND_US),
            "clock_ahead_us": self._clock.ahead_us,
        }

    async def renew(self) -> View:
        """Stay for as long again, free what those had whose lease has ended, and look around.

        Raises `LeaseLostError` where others have given this node up.
        """
        asked = self._clock.monotonic()

        async def work(connection: AsyncConnection) -> View:
            mine = NODES.update().where(NODES.c.id == self.id).values(self._stays)
            if (await connection.execute(mine)).rowcount == 0:
                raise self._lost()
            members = await self._members(connection)
            gone = {m.id for m in members.values() if m.seconds < 0 and m.id != self.id}
            if gone:
                gone = await self._bury(connection, gone)
            left = {id_: member for id_, member in members.items() if id_ not in gone}
            return await _view(connection, left, [members[id_] for id_ in gone])

        view = await self._database.perform(work)
        self.until = asked + self.lasts
        return view

    async def _members(self, connection: AsyncConnection) -> dict[str, Member]:
        asked = self._clock.monotonic()
        rows = (await connection.execute(_NODES.add_columns(self._now_us.label("now_us")))).all()
        if rows:
            self._clock.correct(asked, rows[0].now_us)
        await self._learn(connection, [row.id for row in rows if row.offering])
        return {
            row.id: member_of(
                row,
                (row.expires_us - row.now_us) / SECOND_US,
                self._offers[row.id] if row.offering else None,
                row.plan,
            )
            for row in rows
        }

    async def _learn(self, connection: AsyncConnection, ids: Collection[str]) -> None:
        """Read what these nodes offer: once, as it does not change."""
        known = {id_: self._offers[id_] for id_ in ids if id_ in self._offers}
        if unknown := [id_ for id_ in ids if id_ not in known]:
            asked = sa.select(NODES.c.id, NODES.c.offers).where(NODES.c.id.in_(unknown))
            for id_, content in await connection.execute(asked):
                known[id_] = msgspec.json.decode(content, type=dict[str, str])
        self._offers = known

    async def _bury(self, connection: AsyncConnection, gone: Collection[str]) -> set[str]:
        """Forget nodes whose lease has ended, unless one is just committing or renewing."""
        ended = (
            sa.select(NODES.c.id)
            .where(NODES.c.id.in_(sorted(gone)), NODES.c.expires_us < self._now_us)
            .with_for_update(skip_locked=True)
        )
        dead = set((await connection.scalars(ended)).all())
        if dead:
            await note_gone(connection, dead, self._now_us)
            await connection.execute(
                OWNED.update().where(OWNED.c.node.in_(dead)).values(node=None, forsaken=True)
            )
            await connection.execute(NODES.delete().where(NODES.c.id.in_(dead)))
        return dead

    async def look(self) -> View:
        """The cluster as it is, with those that have gone; also without being a member."""
        async with self._database.read() as connection:
            members = await self._members(connection)
            names = [member.name for member in members.values()]
            return await _view(connection, members, await newest_gone(connection, names))

    async def leave(self) -> None:
        """Be a member no more; what it still has is free at once. Idempotent."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                OWNED.update().where(OWNED.c.node == self.id).values(node=None, forsaken=False)
            )
            await connection.execute(NODES.delete().where(NODES.c.id == self.id))
            await forget_gone(connection, self._introduction.name)

        await self._database.perform(work)

    # Having

    async def claim(self, things: Collection[Thing]) -> dict[Thing, bool]:
        """Have these, as far as they are free: which that is, and whether it is forsaken.

        Raises `LeaseLostError`.
        """

        async def work(connection: AsyncConnection) -> dict[Thing, bool]:
            free = sorted(things)
            await connection.execute(
                OWNED.update().where(_any(free), OWNED.c.node.is_(None)).values(node=self.id)
            )
            rows = await connection.execute(
                sa.select(OWNED).where(_any(free), OWNED.c.node == self.id)
            )
            found = {Thing(row.kind, row.name): row.forsaken for row in rows}
            await connection.run_sync(self.fence)
            return found

        return await self._database.perform(work) if things else {}

    async def give(self, things: Collection[Thing]) -> None:
        """Let others have these. What this node has no more is left alone."""

        async def work(connection: AsyncConnection) -> None:
            mine = OWNED.update().where(_any(sorted(things)), OWNED.c.node == self.id)
            await connection.execute(mine.values(node=None, forsaken=False))

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

    def fence_of(self, thing: Thing, connection: sa.Connection) -> None:
        """The same for what only the owner of a thing may make. Raises `LeaseLostError`."""
        row = (
            sa.select(OWNED.c.node)
            .where(OWNED.c.kind == thing.kind, OWNED.c.name == thing.name)
            .with_for_update(read=True)
        )
        if connection.scalar(row) != self.id:
            raise LeaseLostError(f"this node does not have the {thing.kind} {thing.name}")
        self.fence(connection)

    def _lost(self) -> LeaseLostError:
        return LeaseLostError("the others have given this node up, as it did not answer in time")


_NODES: Final = sa.select(
    *(column for column in NODES.c if column is not NODES.c.offers),
    NODES.c.offers.is_not(None).label("offering"),
)


async def _view(
    connection: AsyncConnection, members: dict[str, Member], gone: list[Member]
) -> View:
    rows = (await connection.execute(sa.select(OWNED))).all()
    return View(
        members,
        {Thing(row.kind, row.name): row.node for row in rows},
        frozenset(Thing(row.kind, row.name) for row in rows if row.forsaken),
        gone,
    )


def _any(things: Collection[Thing]) -> sa.ColumnElement[bool]:
    kinds: dict[str, list[str]] = {}
    for thing in things:
        kinds.setdefault(thing.kind, []).append(thing.name)
    return sa.or_(
        *(sa.and_(OWNED.c.kind == kind, OWNED.c.name.in_(names)) for kind, names in kinds.items())
    )
