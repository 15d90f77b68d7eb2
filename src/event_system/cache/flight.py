"""One load under way, for everybody who asks for its key meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Load: TypeAlias = Callable[[], Awaitable[Any]]


@dataclass(slots=True, eq=False)
class Flight:
    """What is to be found or loaded. `stale` is True once one of its tags was invalidated."""

    key: str
    load: Load
    seconds: float
    tags: tuple[str, ...]
    stale: bool = False
    versions: tuple[bytes, ...] | None = None
    """How the tags stood before the load; None where nobody could tell."""
    task: asyncio.Task[bytes] = field(init=False)


class Flights:
    """At most one load for a key; those that are stale go on for who began them."""

    def __init__(self) -> None:
        self._by_key: dict[str, Flight] = {}
        self._all: set[Flight] = set()

    def get(self, key: str) -> Flight | None:
        return self._by_key.get(key)

    def start(self, flight: Flight, run: Callable[[Flight], Awaitable[bytes]]) -> Flight:
        """Let it run in a task of its own, which a caller's end does not end."""

        async def fly() -> bytes:
            try:
                return await run(flight)
            finally:
                self._land(flight)

        self._by_key[flight.key] = flight
        self._all.add(flight)
        flight.task = asyncio.get_running_loop().create_task(fly(), name="cache")
        flight.task.add_done_callback(_look_at)
        return flight

    def _land(self, flight: Flight) -> None:
        self._all.discard(flight)
        if self._by_key.get(flight.key) is flight:
            del self._by_key[flight.key]

    def tell_stale(self, tags: Iterable[str] | None) -> None:
        """What is loaded under these tags (None: under any) may be out of date already."""
        wanted = None if tags is None else set(tags)
        for flight in tuple(self._all):
            if wanted is None or wanted.intersection(flight.tags):
                flight.stale = True
                if self._by_key.get(flight.key) is flight:
                    del self._by_key[flight.key]

    async def close(self) -> None:
        tasks = [flight.task for flight in self._all]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _look_at(task: asyncio.Task[bytes]) -> None:
    """Take an error that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
