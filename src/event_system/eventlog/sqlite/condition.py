"""Appending on a condition: the last event of a subject is looked up first, judged at the end.

The look-up may take a while, so it is made on a reader's thread, on the log as it was up to some
offset; the transaction looks only at what came after that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple, TypeAlias

from event_system.eventlog.sqlite.commit import GroupCommit
from event_system.eventlog.sqlite.history import SqliteHistory
from event_system.events.event import Row
from event_system.kernel.errors import PreconditionFailedError

MAX_YOUNG = 2_000
"""Events that a transaction may look through; where there are more, readers look first."""

_YOUNG = """
SELECT coalesce(max(offset), 0) FROM events
WHERE offset > ? AND subject_key = ? AND subject = ?
"""


class Last(NamedTuple):
    """The last event of a subject is at `offset` (0 is none) among those up to `through`."""

    offset: int = 0
    through: int = 0


Perform: TypeAlias = Callable[[Callable[[GroupCommit], "int | None"]], Awaitable["int | None"]]


async def append_if(history: SqliteHistory, perform: Perform, row: Row, expected: int) -> int:
    """As `EventLog.append_if`."""
    last = Last()
    while True:
        offset, through = await history.last_of(str(row[8]), after=last.through)
        last = Last(offset or last.offset, through)
        stored = await perform(partial(_append_if, row, expected, last))
        if stored is not None:
            return stored


def _append_if(row: Row, expected: int, last: Last, commit: GroupCommit) -> int | None:
    """The row's offset as `GroupCommit.append` tells it; None where `last` is too old."""
    if commit.knows(row):
        return commit.append((row,))[0]
    if commit.first - last.through > MAX_YOUNG:
        return None
    offset = commit.last_of(row[8])
    if not offset:
        young = commit.execute(_YOUNG, (last.through, row[1], row[8]))
        offset = young[0][0] or last.offset
    if offset != expected:
        raise PreconditionFailedError(
            f"the last event of {str(row[8])[:80]!r} is at offset {offset}, not {expected}",
            last_offset=offset,
        )
    return commit.append((row,))[0]
