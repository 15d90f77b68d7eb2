"""The old end of the embedded log: a few events go in each transaction of the writer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import apsw

from event_system.eventlog.sqlite.log import SqliteEventLog
from event_system.eventlog.sqlite.snapshot import Snapshot

CHUNK_EVENTS = 250
_NEXT = "SELECT min(offset) FROM events WHERE offset > ?"
_BYTES = """
SELECT (page_count - freelist_count) * page_size
FROM pragma_page_count, pragma_freelist_count, pragma_page_size
"""


class SqliteOld:
    """Implements `eventlog.retention.Old`. The index drops whole runs."""

    def __init__(self, log: SqliteEventLog) -> None:
        self._log = log

    @property
    def head(self) -> int:
        return self._log.head

    @property
    def floor(self) -> int:
        return self._log.floor

    @property
    def window_us(self) -> int:
        return self._log.dedupe.window_us

    async def last_before(self, us: int) -> int:
        def look(connection: apsw.Connection) -> int:
            with Snapshot(connection) as view:
                return view.first_received(us) - 1 if view.head else 0

        return await self._log.reader.run(look)

    async def bytes(self) -> int:
        return await self._log.reader.run(lambda connection: int(connection.execute(_BYTES).get))

    async def stretch(self, after: int, last: int) -> tuple[int, int] | None:
        first = await self._log.reader.run(
            lambda connection: cast("int | None", connection.execute(_NEXT, (after,)).get)
        )
        if first is None or first > last:
            return None
        return first, min(first + CHUNK_EVENTS - 1, last)

    async def delete(self, first: int, last: int, held: Sequence[int]) -> int:
        return await self._log.delete(first, last, held)
