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
        self._batch = 0
        self._turn = asyncio.Lock()
        self.is_stored = True

    @property
    def waiting(self) -> Changes:
        """Changes that may be stored later; they are added here."""
        return self._waiting

    async def write(self) -> None:
        """Store all that waits; it is on stable storage then. Raises `StorageError`.

        What could not be stored waits on. One at a time: calls that wait for their turn are stored
        together by the next of them, so that many groups told at once are few transactions.
        """
        batch = self._batch
        async with self._turn:
            if self._batch > batch or not self._waiting:
                return
            taken, self._waiting = self._waiting, Changes()
            self._batch += 1
            try:
                await self._store.save(taken)
            except (StorageError, asyncio.CancelledError) as error:
                taken.add(self._waiting)
                self._waiting = taken
                self._batch -= 1
                self.is_stored = self.is_stored and not isinstance(error, StorageError)
                raise
            self.is_stored = True

    async def try_to_write(self) -> None:
        """The same; that it failed is logged."""
        try:
            await self.write()
        except StorageError as error:
            _log.error("alerting could not store its state: %s", error.detail)
