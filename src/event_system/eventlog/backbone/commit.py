"""One commit on its way to the stream: as one of the tables', but for where events are young."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from event_system.eventlog.backbone.tail import Tail
from event_system.eventlog.sql.commit import GroupCommit
from event_system.eventlog.sql.engine import Engine, Head, Stored
from event_system.eventlog.sql.filters import Window

_NO_LIMIT = 2**63 - 1


class StreamCommit(GroupCommit):
    """Rows to append after all that the tail holds.

    What it finds out holds for as long as nobody appends: the stream takes it only then.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        driver: Any,
        engine: Engine,
        window: Window,
        tail: Tail,
    ) -> None:
        head = Head(tail.head, tail.received_us, _NO_LIMIT)
        super().__init__(connection, driver, engine, window, head)
        self._tail = tail

    async def _twins(self, keys: Sequence[int]) -> Sequence[Stored]:
        # The tail first: what the tables take over meanwhile is then in one of the two.
        young = self._tail.twins(keys)
        return [*young, *await super()._twins(keys)]

    async def _last_stored(self, subject: str) -> int:
        return self._tail.last_of(subject) or await super()._last_stored(subject)
