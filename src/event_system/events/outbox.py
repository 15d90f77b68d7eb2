"""Events that a change of state owes: saved together with it, told afterwards, each once.

A process may end between the two: what is owed is taken up at the next start. It is told under the
id that was saved, so the log takes for a duplicate what had reached it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias

import msgspec

from event_system.kernel.errors import EventSystemError
from event_system.kernel.records import Changes, Records, encoded, load_all
from event_system.kernel.tasks import end

ANNOUNCEMENTS: Final = "announcements"
MAX_AT_ONCE: Final = 200
MAX_OWED: Final = 200_000
FIRST_REST_SECONDS: Final = 0.5
LONGEST_REST_SECONDS: Final = 30.0
_log = logging.getLogger(__name__)


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """An event that is owed. `id` is one of its own, however often it is told."""

    id: str
    type: str
    subject: str
    time_us: int
    data: Mapping[str, Any]


Tell: TypeAlias = Callable[[Sequence[Announcement]], Awaitable[None]]
"""Puts events into the log, in their order. Raises `EventSystemError` where all are to be told
again; one that is refused for good must not be raised for."""


class Outbox:
    """Announcements on their way. `start` before use, `stop` at the end. Loop thread only.

    They are told in the order in which they were given to `save`. Where the log has taken nothing
    for so long that `MAX_OWED` wait, further ones are left out, which the log says: whoever saves
    goes on.
    """

    def __init__(self, records: Records, tell: Tell) -> None:
        self._records = records
        self._tell = tell
        self._owed: deque[tuple[str, Announcement]] = deque()
        self._told: list[str] = []
        self._number = 0
        self._left_out = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def owed(self) -> int:
        """How many wait to be told."""
        return len(self._owed)

    async def start(self) -> None:
        """Take up what is owed. Raises `StorageError`."""
        kept = await load_all(self._records, ANNOUNCEMENTS, Announcement)
        self._owed = deque(sorted(kept.items(), key=lambda item: int(item[0])))
        self._number = int(self._owed[-1][0]) if self._owed else 0
        self._wake.set()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="outbox")

    async def save(self, changes: Changes, announcements: Sequence[Announcement] = ()) -> None:
        """Store changes and what they owe, all or nothing; it is told from then on.

        Raises `StorageError`: then it may be saved again, with announcements of the same ids.
        """
        numbered = [(self._next_key(), each) for each in self._fitting(announcements)]
        if not numbered:
            await self._records.save(changes)
            return
        await self._records.save({**changes, ANNOUNCEMENTS: encoded(dict(numbered))})
        self._owed.extend(numbered)
        self._wake.set()

    def _next_key(self) -> str:
        self._number += 1
        return str(self._number)

    def _fitting(self, announcements: Sequence[Announcement]) -> Sequence[Announcement]:
        fitting = announcements[: max(0, MAX_OWED - len(self._owed))]
        left_out = len(announcements) - len(fitting)
        if left_out and not self._left_out:
            _log.error("over %s events wait for the log: further ones are left out", MAX_OWED)
        self._left_out += left_out
        return fitting

    async def drain(self) -> None:
        """Wait until nothing is owed."""
        while self._owed or self._told:
            self._idle.clear()
            await self._idle.wait()

    async def stop(self) -> None:
        """Tell nothing more; what is owed then, is owed at the next start."""
        if self._task is not None:
            await end(self._task)

    async def _run(self) -> None:
        rest = FIRST_REST_SECONDS
        while True:
            if not self._owed and not self._told:
                self._left_out = 0
                self._idle.set()
                await self._wake.wait()
            self._wake.clear()
            try:
                await self._tell_some()
            except Exception as error:  # noqa: BLE001 - it is owed on, whatever it was
                known = isinstance(error, EventSystemError)
                _log.warning("events wait for the log: %s", error, exc_info=not known)
                await asyncio.sleep(rest)
                rest = min(2 * rest, LONGEST_REST_SECONDS)
            else:
                rest = FIRST_REST_SECONDS

    async def _tell_some(self) -> None:
        """Forget what was told before, too, where that has failed."""
        some = list(islice(self._owed, MAX_AT_ONCE))
        if some:
            await self._tell([each for _, each in some])
            self._told.extend(self._owed.popleft()[0] for _ in some)
        if self._told:
            await self._records.save({ANNOUNCEMENTS: dict.fromkeys(self._told)})
            self._told.clear()
