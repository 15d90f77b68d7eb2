"""Reads the log for lanes that are behind: pages that serve several of them at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol

from event_system.delivery.lane import Lane
from event_system.delivery.matching import chosen
from event_system.delivery.surroundings import Shared
from event_system.events.ports import Slice
from event_system.kernel.patterns import AnyPattern

PAGE = 1000
READ_AGAIN_SECONDS = 1.0
"""How long nobody reads the log for a listener for which a read has failed."""

_log = logging.getLogger(__name__)


class Reader(Protocol):
    """A subscription, as far as reading for it goes."""

    @property
    def name(self) -> str: ...
    @property
    def paused(self) -> bool: ...
    @property
    def lanes(self) -> Mapping[int, Lane]: ...
    @property
    def matches(self) -> AnyPattern:
        """Whether a type is the listener's."""

    def readable(self) -> list[Lane]:
        """Lanes that are behind and have room for more."""

    def take_read(self, page: Slice, group: dict[int, Lane]) -> None:
        """Put read events into their channels; a lane that is full leaves the group."""


class Reading:
    """The one task that reads for a subscription, while there is something to read."""

    def __init__(self, reader: Reader, shared: Shared) -> None:
        self._reader = reader
        self._shared = shared
        self._task: asyncio.Task[None] | None = None
        self._turn = 0

    @property
    def active(self) -> bool:
        return self._task is not None

    def go_on(self) -> None:
        """Read for lanes that are behind, unless that is going on already."""
        reader = self._reader
        if self._task is None and not reader.paused and any(reader.readable()):
            self._task = self._shared.loop.create_task(self._read())
            self._task.add_done_callback(self._ended)

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _read(self) -> None:
        while not self._reader.paused and (lanes := self._reader.readable()):
            self._turn += 1
            leader = lanes[self._turn % len(lanes)]
            group = {lane.number: lane for lane in lanes if lane.seen >= leader.seen}
            await self._read_page(leader.seen, group)

    async def _read_page(self, after: int, group: dict[int, Lane]) -> None:
        reader, shared = self._reader, self._shared
        wanted = None if len(group) == len(reader.lanes) else frozenset(group)
        seen = {number: lane.seen for number, lane in group.items()}
        page = await shared.log.read(after, PAGE, wanted)
        for number in [n for n, lane in group.items() if not lane.held or lane.seen != seen[n]]:
            del group[number]  # given up; or it blocks, and forgot what it had read
        reader.take_read(chosen(page, reader.matches), group)
        for lane in group.values():
            lane.seen = max(lane.seen, page.through)
            lane.behind = lane.seen < shared.routed()
            shared.changed(reader.name, lane)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            _log.error("reading the log for %s failed: %s", self._reader.name, error)
            self._shared.loop.call_later(READ_AGAIN_SECONDS, self._again)
        else:
            self._task = None
            if not task.cancelled():
                self.go_on()

    def _again(self) -> None:
        self._task = None
        self.go_on()
