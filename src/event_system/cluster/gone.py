"""Nodes that went without leaving, kept for operators to see for a day."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.cluster.clock import SECOND_US
from event_system.cluster.ports import Member
from event_system.cluster.rows import member_of
from event_system.sql.tables.cluster import GONE, NODES

_SHOWN_US: Final = 24 * 3600 * SECOND_US
_MOST: Final = 100


async def note_gone(
    connection: AsyncConnection, ids: Collection[str], now_us: sa.ColumnElement[int]
) -> None:
    """Keep what is known of nodes before they are deleted."""
    kept = [column.name for column in GONE.columns]
    rows = sa.select(*(NODES.c[name] for name in kept)).where(NODES.c.id.in_(sorted(ids)))
    await connection.execute(GONE.insert().from_select(kept, rows))
    await connection.execute(GONE.delete().where(GONE.c.seen_us < now_us - _SHOWN_US))


async def forget_gone(connection: AsyncConnection, name: str) -> None:
    """The node of this name is back, or has left after all."""
    await connection.execute(GONE.delete().where(GONE.c.name == name))


async def newest_gone(connection: AsyncConnection, here: Iterable[str]) -> list[Member]:
    """Those that were seen last, but for nodes that are here under the same name."""
    newest = sa.select(GONE).order_by(GONE.c.seen_us.desc()).limit(_MOST)
    names = set(here)
    found = await connection.execute(newest)
    return [member_of(row, -1.0) for row in found if row.name not in names]
