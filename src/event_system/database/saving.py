"""Saves of many callers in as few transactions as there is time for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from event_system.kernel.records import Changes

Rows = dict[str, dict[str, bytes | None]]


class Saving:
    """What is saved while a transaction is on its way to the disk forms the next one.

    `write` stores all or nothing; what it raises, everybody hears whose changes were with it.
    """

    def __init__(self, write: Callable[[Changes], Awaitable[None]]) -> None:
        self._write = write
        self._next: tuple[Rows, asyncio.Future[None]] | None = None
        self._writing: asyncio.Task[None] | None = None

    async def save(self, changes: Changes) -> None:
        """As `Records.save`. It is stored also where its caller is cancelled."""
        loop = asyncio.get_running_loop()
        if self._next is None:
            self._next = {}, loop.create_future()
        waiting, done = self._next
        for kind, rows in changes.items():
            waiting.setdefault(kind, {}).update(rows)
        if self._writing is None:
            self._writing = loop.create_task(self._write_all(), name="records")
        await asyncio.shield(done)

    async def _write_all(self) -> None:
        while self._next is not None:
            (changes, done), self._next = self._next, None
            try:
                await self._write(changes)
            except Exception as error:  # noqa: BLE001 - whatever it is, others wait to be saved
                done.set_exception(error)
                done.exception()  # who saved may have gone
            else:
                done.set_result(None)
        self._writing = None

    async def drain(self) -> None:
        """Wait for what is being saved."""
        if self._writing is not None:
            await self._writing
