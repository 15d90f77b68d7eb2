"""A link between programs: passes bytes on to one of several ports, and can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from tests.support.listening import Listening


class Link(Listening):
    """Connections go to the ports in turn, past those that do not listen.

    While it is cut nothing passes, and nobody is told: connections stay open, new ones hang. A cut
    may be of the way back alone: what is asked still arrives, and nobody hears the answer.
    """

    def __init__(self, ports: Callable[[], Sequence[int]]) -> None:
        super().__init__()
        self._ports = ports
        self._turn = 0
        self._there, self._back = asyncio.Event(), asyncio.Event()
        self.mend()

    def cut(self, *, back_only: bool = False) -> None:
        self._back.clear()
        if not back_only:
            self._there.clear()

    def mend(self) -> None:
        """Pass on again; connections from before the cut are gone."""
        for task in self._tasks:
            task.cancel()
        self._there.set()
        self._back.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._there.wait()
            found = await self._connected()
            if found is not None:
                there, back = found
                with suppress(OSError):
                    ways = [
                        self._pass(reader, back, self._there),
                        self._pass(there, writer, self._back),
                    ]
                    tasks = [asyncio.ensure_future(way) for way in ways]
                    try:
                        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        for task in tasks:
                            task.cancel()
                        back.close()
        finally:
            writer.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        ports = self._ports()
        for _ in ports:
            self._turn += 1
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", ports[self._turn % len(ports)])
        return None

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_open: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65_536):
                await is_open.wait()
                writer.write(chunk)
                await writer.drain()
