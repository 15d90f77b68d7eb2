"""Replays on a server: few and small rows, each its replay as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from event_system.database.sql.access import Access
from event_system.delivery.replays.replay import KEPT, Replay, from_bytes, numbered, to_bytes
from event_system.sql.tables.state import REPLAYS

R = REPLAYS.c


class ServerReplays:
    """Implements `delivery.ports.ReplayStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def unfinished(self) -> list[Replay]:
        asked = _ASKED.where(R.running == sa.true()).order_by(R.id)
        return await self._access.read(lambda c: _replays(c.execute(asked)))

    async def of(self, listener: str) -> list[Replay]:
        asked = _ASKED.where(R.listener == listener).order_by(R.id.desc())
        return await self._access.read(lambda c: _replays(c.execute(asked)))

    async def add(self, replay: Replay) -> Replay:
        ended = sa.select(R.id).where(R.listener == replay.listener, R.running == sa.false())

        def add(connection: sa.Connection) -> int:
            newest = connection.scalars(ended.order_by(R.id.desc()).limit(KEPT - 1)).all()
            if len(newest) == KEPT - 1:
                oldest = connection.scalars(ended.where(R.id < newest[-1])).all()
                connection.execute(REPLAYS.delete().where(R.id.in_(oldest)))
            row = {"listener": replay.listener, **_content(replay)}
            key = connection.execute(REPLAYS.insert().values(row)).inserted_primary_key
            assert key is not None
            return int(key[0])

        return numbered(replay, await self._access.write(add))

    async def put(self, replay: Replay) -> None:
        await self._access.write(lambda connection: save_replays(connection, [replay]))


def save_replays(connection: sa.Connection, replays: Iterable[Replay]) -> None:
    """Keep what has become of known replays. One that has ended stays as it ended."""
    for replay in replays:
        going = R.id == replay.id, R.running == sa.true()
        connection.execute(REPLAYS.update().where(*going).values(_content(replay)))


_ASKED = sa.select(R.content, R.id)


def _content(replay: Replay) -> dict[str, Any]:
    return {"running": replay.state == "running", "content": to_bytes(replay)}


def _replays(rows: Iterable[Any]) -> list[Replay]:
    return [numbered(from_bytes(content), id_) for content, id_ in rows]
