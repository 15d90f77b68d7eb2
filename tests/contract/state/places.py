"""The places where state is kept: a store that can be closed and opened again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from event_system.database.sql.state import ServerState
from event_system.database.sqlite.state import StateDatabase
from event_system.delivery.ports import CursorStore, ListenerStore, PauseStore
from event_system.sql.database import Database
from event_system.sql.metadata import METADATA
from event_system.sql.tables import state as state_tables

STATE = {table.name for table in vars(state_tables).values() if isinstance(table, sa.Table)}
LISTENERS_TABLES = {"seen", *(f"t{number}" for number in range(30))}
ENDLESS = {
    "embedded": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
    "postgresql": "SELECT pg_sleep(1000)",
    "mysql": "SELECT sleep(1000)",
}
IDENTITY = 4711


class State(CursorStore, Protocol):
    """All that is kept for delivery."""

    @property
    def pauses(self) -> PauseStore: ...
    @property
    def known(self) -> ListenerStore: ...
    async def close(self) -> None: ...


@dataclass
class Place:
    """Where state is kept, opened; `endless` is a statement that runs for ever."""

    state: State
    open: Callable[[], Awaitable[State]]
    endless: str

    async def reopen(self) -> State:
        """As the next process finds it."""
        await self.state.close()
        self.state = await self.open()
        return self.state


async def embedded(directory: Path) -> Place:
    async def open_() -> State:
        return StateDatabase(directory)

    return Place(await open_(), open_, ENDLESS["embedded"])


async def on_server(database: Database) -> Place:
    async def open_() -> State:
        return await ServerState.open(database, unfenced, IDENTITY, node=lambda: "one")

    return Place(await open_(), open_, ENDLESS[database.dialect])


def unfenced(connection: sa.Connection) -> None:
    """The fence of a node that is alone for sure."""


def clear(connection: sa.Connection) -> None:
    """Leave a migrated database without state, and without what listeners have made."""
    for name in LISTENERS_TABLES & set(sa.inspect(connection).get_table_names()):
        connection.exec_driver_sql(f"DROP TABLE {name}")
    connection.exec_driver_sql("BEGIN")
    for name in STATE:
        connection.execute(METADATA.tables[name].delete())
    connection.exec_driver_sql("COMMIT")
