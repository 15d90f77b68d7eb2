"""Making and ending silences, once or again and again; what is made is on stable storage."""

from __future__ import annotations

from collections.abc import Callable

from event_system.alerting.book import Book
from event_system.alerting.recurring import Recurrences, RecurringSilence
from event_system.alerting.silences import Silence, Silences, ended
from event_system.kernel.clock import Clock


class Silencing:
    """All silences, and those that come again. Loop thread only."""

    def __init__(self, book: Book, clock: Clock, new_id: Callable[[], str]) -> None:
        self.silences = Silences()
        self.recurring = Recurrences()
        self._book = book
        self._clock = clock
        self._new_id = new_id

    async def set_silence(self, wanted: Silence) -> str:
        """Make or update a silence; its id.

        Raises `InvalidSilenceError`, `SilenceNotFoundError`, `AlertingFullError`, `StorageError`.
        """
        changes = self.silences.changes(wanted, self._new_id(), self._clock.now_us())
        for silence in changes:
            self._put(silence)
        await self._book.write()
        return changes[-1].id

    async def expire_silence(self, id_: str) -> None:
        """End a silence now. Idempotent. Raises `SilenceNotFoundError` and `StorageError`."""
        self._put(ended(self.silences.get(id_), self._clock.now_us()))
        await self._book.write()

    async def set_recurring(self, wanted: RecurringSilence) -> str:
        """Make or change a silence that comes again; its id.

        What it is at the moment begins anew. Raises as `set_silence`, and `InvalidMatcherError`.
        """
        now_us = self._clock.now_us()
        recurring = self.recurring.checked(wanted, self._new_id(), now_us)
        if wanted.id:
            self._end_current(wanted.id)
        self._book.waiting.recurring[recurring.id] = recurring
        self.recurring.put(recurring)
        self.renew()
        await self._book.write()
        return recurring.id

    async def drop_recurring(self, id_: str) -> None:
        """End it, and what it is at the moment. Raises as `expire_silence`."""
        self._end_current(id_)
        self._book.waiting.recurring[id_] = None
        self.recurring.drop(id_)
        await self._book.write()

    def renew(self) -> None:
        """Make the silences that those which come again are about to be."""
        for silence in self.recurring.due(self.silences, self._clock.now_us()):
            self._put(silence)

    def _end_current(self, id_: str) -> None:
        now_us = self._clock.now_us()
        made = self.recurring.made_by(id_, self.silences, now_us)
        if made is not None:
            self._put(ended(made, now_us))

    def _put(self, silence: Silence) -> None:
        self._book.waiting.silences[silence.id] = silence
        self.silences.put(silence)

    def drop_expired(self, before_us: int) -> None:
        """Forget those that ended before then."""
        gone = self.silences.drop_expired(before_us)
        self._book.waiting.silences |= dict.fromkeys(gone)
