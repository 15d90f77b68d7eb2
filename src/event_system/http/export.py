"""The export: stored events as lines of CloudEvents JSON, read page by page as the client takes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Final

import msgspec

from event_system.events.event import cloudevent
from event_system.events.ports import Filter, History, Page
from event_system.http.tail import LiveTail
from event_system.kernel.errors import StoppingError, TooManyStreamsError

MAX_EXPORTS: Final = 8
PAGE: Final = 250
CHUNK_BYTES: Final = 65_536
SEARCHING: Final = b"\n"
"""What a client hears while the node finds nothing for a while."""

_encode = msgspec.json.Encoder().encode


class Exports:
    """The exports that run. Each holds a page in memory, so there are few at a time."""

    def __init__(self) -> None:
        self.running = 0

    async def begin(self, history: History, tail: LiveTail, wanted: Filter, after: int) -> Export:
        """An export of all that is stored now, its first page read already.

        Enter it as a context manager to free it. Raises `TooManyStreamsError`, and what
        `History.find` raises.
        """
        if self.running >= MAX_EXPORTS:
            raise TooManyStreamsError(f"{MAX_EXPORTS} exports are running")
        export = Export(self, history, tail, wanted, after)
        self.running += 1
        try:
            await export.read()
        except BaseException:
            self.running -= 1
            raise
        return export


class Export:
    """One export, oldest first. `through` is the offset that it goes to."""

    def __init__(
        self, exports: Exports, history: History, tail: LiveTail, wanted: Filter, after: int
    ) -> None:
        self.through = tail.newest
        self.ended = asyncio.Event()
        self._exports = exports
        self._history = history
        self._tail = tail
        self._wanted = wanted
        self._after: int | None = after
        self._page = Page([], None)

    def __enter__(self) -> Export:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._exports.running -= 1

    async def read(self) -> None:
        """Read the next page. Raises `StoppingError` when the node stops."""
        if self._tail.closed:
            raise StoppingError
        self._page = await self._history.find(
            self._wanted, limit=PAGE, newest_first=False, cursor=self._after
        )
        self._after = self._page.next

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Chunks of whole lines. An error ends the answer in its middle, so it is noticed."""
        while True:
            async for chunk in self._chunks():
                yield chunk
            if self._after is None or self._after >= self.through:
                return
            await self.read()

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        lines: list[bytes] = []
        size = 0
        for event in self._page.events:
            if event.offset > self.through:
                break
            line = _encode(cloudevent(event)).replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"
            lines.append(line)
            size += len(line)
            if size >= CHUNK_BYTES:
                yield b"".join(lines)
                lines, size = [], 0
                await asyncio.sleep(0)  # others take their turn between two chunks
        yield b"".join(lines) or SEARCHING
