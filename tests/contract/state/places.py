"""The places where state is kept: a store that can be closed and opened again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from event_system.database.sqlite.state import StateDatabase
from event_system.delivery.ports import CursorStore, ListenerStore, PauseStore

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


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
    endless: str = ENDLESS

    async def reopen(self) -> State:
        """As the next process finds it."""
        await self.state.close()
        self.state = await self.open()
        return self.state


async def embedded(directory: Path) -> Place:
    async def open_() -> State:
        return StateDatabase(directory)

    return Place(await open_(), open_)
