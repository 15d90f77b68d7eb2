"""What is to be stored: collected, and written together."""

from __future__ import annotations

import asyncio
import logging

from event_system.alerting.ports import AlertingStore, Changes
from event_system.kernel.errors import StorageError

_log = logging.getLogger(__name__)


class Book:
    """Changes on their way to the store. What can wait goes along with what cannot.

    `is_stored` is False where the last attempt to store failed.
    """

    def __init__(self, store: AlertingStore) -> None:
        self._store = store
        self._waiting = Changes()
        self._turn = asyncio.Lock()
        self.is_stored = True

    @property
    def waiting(self) -> Changes:
        """Changes that may be stored later; they are added here."""
        return self._waiting

    async def write(self) -> None:
        """Store all that waits; it is on stable storage then. Raises `StorageError`.

        What could not be stored waits on. One at a time: what another call has taken along is only
        stored once that call has ended.
        """
        async with self._turn:
            taken, self._waiting = self._waiting, Changes()
            if not taken:
                return
            try:
                await self._store.save(taken)
            except StorageError:
                taken.add(self._waiting)
                self._waiting = taken
                self.is_stored = False
                raise
            self.is_stored = True

    async def try_to_write(self) -> None:
        """The same; that it failed is logged."""
        try:
            await self.write()
        except StorageError as error:
            _log.error("alerting could not store its state: %s", error.detail)
