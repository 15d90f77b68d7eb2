"""Pauses that operators ask for: each has an end, so that nobody forgets it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from event_system.delivery.ports import PauseStore
from event_system.kernel.clock import CallLater, Timer, first_of

LONGEST_WAIT_SECONDS = 60.0
"""The end is a time of day, and clocks are set: it is looked at this often at least."""

_log = logging.getLogger(__name__)


class Pauses:
    """Which listeners are paused until when. `hold` is told each begin and end."""

    def __init__(
        self,
        store: PauseStore,
        call_later: CallLater,
        now_us: Callable[[], int],
        hold: Callable[[str, bool], None],
    ) -> None:
        self.until_us: dict[str, int] = {}
        self._store = store
        self._call_later = call_later
        self._now_us = now_us
        self._hold = hold
        self._timer: Timer | None = None
        self._changes = 0

    async def start(self) -> None:
        """Take up the pauses that were asked for before; those that are over end now."""
        for name, until_us in (await self._store.load()).items():
            if until_us > self._now_us():
                self._begin(name, until_us)
            else:
                await self._store.drop(name)

    async def pause(self, name: str, until_us: int) -> None:
        self._changes += 1
        await self._store.put(name, until_us)
        self._changes += 1
        self._begin(name, until_us)

    async def resume(self, name: str) -> None:
        self._changes += 1
        await self._store.drop(name)
        self._changes += 1
        self._end(name)

    async def look(self) -> None:
        """Take over what other nodes were asked for."""
        before = self._changes
        found = await self._store.load()
        if self._changes != before:
            return  # what was found may be older than what is known
        for name in self.until_us.keys() - found.keys():
            self._end(name)
        for name, until_us in found.items():
            if until_us > self._now_us() and self.until_us.get(name) != until_us:
                self._begin(name, until_us)

    @property
    def next_us(self) -> int | None:
        """When the first pause ends."""
        return first_of(self.until_us.values())

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self, name: str, until_us: int) -> None:
        self.until_us[name] = until_us
        self._hold(name, True)
        self._wait()

    def _end(self, name: str) -> None:
        if self.until_us.pop(name, None) is not None:
            self._hold(name, False)
        self._wait()

    def _wait(self) -> None:
        """One timer, for the pause that ends first."""
        self.close()
        if self.until_us:
            left = (min(self.until_us.values()) - self._now_us()) / 1e6
            delay = min(max(left, 0.0), LONGEST_WAIT_SECONDS)
            self._timer = self._call_later(delay, self._look)

    def _look(self) -> None:
        """End what is over. Its row is dropped at the next start, or replaced before."""
        now_us = self._now_us()
        for name in [name for name, until_us in self.until_us.items() if until_us <= now_us]:
            _log.info("the pause of %s is over", name, extra={"context": {"listener": name}})
            self._end(name)
        self._wait()
