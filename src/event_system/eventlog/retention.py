"""Deletes old events, a stretch at a time, so that ingest hardly notices.

An event goes when it is older than `max_age_us`, or the oldest while the log is larger than
`max_bytes`. It stays, whatever its age, while a listener has not come past it, while a failed
delivery needs it, while it counts for finding duplicates, and as long as it is the newest.
Work is proportional to what is deleted: offsets are taken from the low end of the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from event_system.events.ports import Holds

REST = 4.0
"""After each stretch ingest has the disk for this many times as long as the chunk took."""

SWEEP_SECONDS = 60.0
SWEEPS_FROM_START = 60
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How much of the past is kept; None is all of it."""

    max_age_us: int | None = None
    max_bytes: int | None = None

    @property
    def is_on(self) -> bool:
        return self.max_age_us is not None or self.max_bytes is not None


class Old(Protocol):
    """The old end of a log."""

    @property
    def head(self) -> int:
        """Offset of the newest event."""

    @property
    def floor(self) -> int:
        """Offset up to which old events may have been deleted."""

    @property
    def window_us(self) -> int:
        """How long an event finds its duplicates."""

    async def last_before(self, us: int) -> int:
        """The last offset received before this time; 0 where there is none."""

    async def bytes(self) -> int:
        """How large the log is; what has been deleted does not count."""

    async def stretch(self, after: int, last: int) -> tuple[int, int] | None:
        """The first offsets above `after`, up to `last`, to delete together; None: no event."""

    async def delete(self, first: int, last: int, held: Sequence[int]) -> int:
        """Delete a stretch but for the held ones; how many events there were."""


class Retention:
    """Sweeps once a minute. `deleted` counts events, `held_back` says what keeps old ones."""

    def __init__(
        self,
        old: Old,
        holds: Holds,
        *,
        now_us: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self.settings = RetentionSettings()
        self.deleted = 0
        self.held_back: str | None = None
        self._old = old
        self._holds = holds
        self._now_us = now_us
        self._monotonic = monotonic
        self._sweeps = 0
        self._reason = ""
        self._wake = asyncio.Event()

    def change(self, settings: RetentionSettings) -> None:
        """Take over settings, and sweep now, from the start of the log."""
        self.settings = settings
        self._sweeps = 0
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. What goes wrong is logged and tried again with the next sweep."""
        while True:
            self._wake.clear()
            if self.settings.is_on:
                try:
                    await self.sweep()
                except Exception as error:  # noqa: BLE001 - the next sweep tries again
                    _log.error("old events could not be deleted: %s", error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), SWEEP_SECONDS)

    async def sweep(self) -> int:
        """Delete what may go, in stretches with rests between them; how many events went."""
        settings, now = self.settings, self._now_us()
        older = self._old.head - 1  # the newest event always stays
        bound = await self._bound(now)
        # What was held once may be free by now; looking for it from the start is the rare way.
        at = 0 if self._sweeps % SWEEPS_FROM_START == 0 else self._old.floor
        self._sweeps += 1
        before, held = self.deleted, False
        if settings.max_age_us is not None:
            too_old = min(await self._old.last_before(now - settings.max_age_us), older)
            held = too_old > bound
            at = await self._delete_through(min(too_old, bound), at)
        if settings.max_bytes is not None:
            while (large := await self._old.bytes() > settings.max_bytes) and at < min(
                bound, older
            ):
                at = await self._delete_stretch(at, min(bound, older))
            held = held or (large and bound < older)
        self._tell_hold(held)
        deleted = self.deleted - before
        if deleted:
            context = {"deleted": deleted, "floor": self._old.floor}
            _log.info("old events deleted", extra={"context": context})
        return deleted

    async def _bound(self, now: int) -> int:
        """The last offset that may go at all. Notes what holds the next one."""
        hold = self._holds.needed()
        window = await self._old.last_before(now - self._old.window_us)
        bounds = [(window, "younger ones find duplicates (event.dedupe_window)")]
        if hold is not None:
            bounds.append((hold.after, f"listener {hold.listener} has not handled them yet"))
        last, self._reason = min(bounds)
        return last

    def _tell_hold(self, held: bool) -> None:
        if held and self._reason != self.held_back:
            _log.warning("old events are kept longer than they should be: %s", self._reason)
        self.held_back = self._reason if held else None

    async def _delete_through(self, last: int, at: int) -> int:
        while at < last:
            at = await self._delete_stretch(at, last)
        return at

    async def _delete_stretch(self, after: int, last: int) -> int:
        """Delete the next few above `after`; the offset up to which that is done."""
        started = self._monotonic()
        stretch = await self._old.stretch(after, last)
        if stretch is None:
            return last
        held = await self._holds.held(*stretch)
        self.deleted += await self._old.delete(*stretch, held)
        await asyncio.sleep((self._monotonic() - started) * REST)
        return stretch[1]
