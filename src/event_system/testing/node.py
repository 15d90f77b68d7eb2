"""An embedded node for tests: its files are in memory, its time and chance in your hand."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final

from event_system.events.event import Event
from event_system.events.ports import Delivery, Filter
from event_system.kernel.clock import to_us
from event_system.node.embedded import EventSystem
from event_system.node.machine import Machine
from event_system.node.settings import EventSettings
from event_system.testing.clock import START, ManualClock

EVERYTHING: Final = ">"
LOOK_SECONDS: Final = 0.001
PAGE: Final = 1000
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder in it is made with a name of its own
_MICROSECOND: Final = timedelta(microseconds=1)


class MemoryNode(EventSystem):
    """An `EventSystem` for tests. Nothing of it is left when the block ends.

        async with MemoryNode(listeners=[greet]) as node:
            await node.trigger("player.level_up", {"level": 10})
            await node.expect_handled("greet")

    Time begins at `start` and moves with `advance` only: retries, delayed events, schedules,
    pauses and the dedupe window go by it. Ids and jitter are the same in every run. The
    `expect_…` methods first wait until the node has nothing more to do; that and `advance`
    raise `AssertionError` where a listener takes longer than `patience` seconds of real time.
    """

    def __init__(
        self,
        *,
        listeners: Iterable[Any] = (),
        types: Iterable[Mapping[str, Any] | str | Path] = (),
        source: str = "test",
        settings: EventSettings | None = None,
        start: datetime = START,
        patience: float = 5.0,
    ) -> None:
        self.clock = ManualClock(start)
        self._patience = patience
        super().__init__(
            listeners=listeners,
            types=types,
            source=source,
            settings=settings,
            machine=Machine(self.clock, _Bytes(), self.clock.call_later),
        )

    async def __aenter__(self) -> MemoryNode:
        where = _MEMORY if os.access(_MEMORY, os.W_OK) else None
        self._folder = TemporaryDirectory(prefix="event-system-", dir=where)
        self._data_dir = Path(self._folder.name)
        try:
            await super().__aenter__()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        try:
            await super().__aexit__(kind, error, tb)
        finally:
            self._folder.cleanup()

    # Time

    async def settle(self) -> None:
        """Wait until all that is due has been done."""
        try:
            async with asyncio.timeout(self._patience):
                while not self._at_rest():  # noqa: ASYNC110 - nothing tells of all rest at once
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            raise AssertionError(self._unrest()) from None

    def _at_rest(self) -> bool:
        self.clock.run_due()
        return self._running.idle

    def _unrest(self) -> str:
        behind = [s for s in self.deliveries.listeners() if s.lag or s.retrying]
        names = [f"{s.name} ({s.lag} events behind, {s.retrying} retrying)" for s in behind]
        return f"not done after {self._patience:g} s: {', '.join(names) or 'no listener behind'}"

    async def advance(self, by: timedelta | float) -> None:
        """Let time pass, given as a timedelta or in seconds; whatever falls due happens in turn."""
        if not isinstance(by, timedelta):
            by = timedelta(seconds=by)
        if by < timedelta(0):
            raise ValueError(f"time moves on only, not by {by}")
        await self.advance_to(self.clock.now + by)

    async def advance_to(self, moment: datetime) -> None:
        """As `advance`, until this moment. Raises `ValueError` where that is past."""
        end = to_us(moment)
        if end < self.clock.now_us():
            raise ValueError(f"time moves on only: it is {self.clock.now}, {moment} is past")
        await self.settle()
        while (due := self._running.next_us) is not None and due <= end:
            self.clock.move_to(due)
            await self.settle()
        self.clock.move_to(end)
        await self.settle()

    # What happened

    async def emitted(self, pattern: str = EVERYTHING) -> list[Event]:
        """Events in the log whose type matches, whoever triggered them, in their order."""
        await self.settle()
        found: list[Event] = []
        cursor: int | None = None
        while True:
            page = await self.history.find(
                Filter(pattern=pattern), limit=PAGE, newest_first=False, cursor=cursor
            )
            found += page.events
            if (cursor := page.next) is None:
                return found

    async def delivered(
        self, listener: str, pattern: str = EVERYTHING
    ) -> list[tuple[Event, Delivery]]:
        """Events that concern a listener, and how it stands to each.

        Raises `AssertionError` for a listener that there is not.
        """
        known = sorted(status.name for status in self.deliveries.listeners())
        if listener not in known:
            raise AssertionError(f"no listener is called {listener!r}; there are: {known}")
        events = await self.emitted(pattern)
        found = [(event, each) for event in events for each in await self.deliveries.of(event)]
        return [(event, each) for event, each in found if each.listener == listener]

    async def expect_emitted(
        self,
        pattern: str,
        *,
        times: int | None = None,
        subject: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> list[Event]:
        """The events that match: `times` of them, by default at least one.

        `data` are members that the data has to have, with equal values.
        """
        found = [event for event in await self.emitted(pattern) if _fits(event, subject, data)]
        if _as_often(len(found), times):
            return found
        what = _what(pattern, subject, data)
        seen = map(_event, await self.emitted())
        raise AssertionError(_tell(f"emitted: {what}", len(found), times, seen))

    async def expect_handled(
        self, listener: str, pattern: str = EVERYTHING, *, times: int | None = None
    ) -> list[Event]:
        """The events that a listener has handled: `times` of them, by default at least one."""
        return await self._expect(listener, pattern, "handled", times)

    async def expect_skipped(
        self, listener: str, pattern: str = EVERYTHING, *, times: int | None = None
    ) -> list[Event]:
        """The events that a listener's filter left out."""
        return await self._expect(listener, pattern, "skipped", times)

    async def expect_retrying(
        self, listener: str, pattern: str = EVERYTHING, *, times: int | None = None
    ) -> list[Event]:
        """The events that a listener failed at and gets again."""
        return await self._expect(listener, pattern, "retrying", times)

    async def expect_dead(
        self, listener: str, pattern: str = EVERYTHING, *, times: int | None = None
    ) -> list[Event]:
        """The events that are a listener's dead letters."""
        return await self._expect(listener, pattern, "dead", times)

    async def _expect(
        self, listener: str, pattern: str, state: str, times: int | None
    ) -> list[Event]:
        delivered = await self.delivered(listener, pattern)
        found = [event for event, delivery in delivered if delivery.state == state]
        if _as_often(len(found), times):
            return found
        seen = (f"{_event(e)}: {d.state}{f' ({d.error})' * bool(d.error)}" for e, d in delivered)
        raise AssertionError(_tell(f"{state} by {listener}: {pattern}", len(found), times, seen))


class _Bytes:
    """Bytes without a pattern, the same ones in every run."""

    def __init__(self) -> None:
        self._numbers = count()

    def __call__(self, size: int) -> bytes:
        block = blake2b(next(self._numbers).to_bytes(8), digest_size=min(size, 64)).digest()
        return (block * (size // len(block) + 1))[:size] if size else b""


def _fits(event: Event, subject: str | None, data: Mapping[str, Any] | None) -> bool:
    if subject is not None and event.subject != subject:
        return False
    if data is None:
        return True
    has = event.data
    return isinstance(has, dict) and all(k in has and has[k] == v for k, v in data.items())


def _as_often(found: int, times: int | None) -> bool:
    return found > 0 if times is None else found == times


def _what(pattern: str, subject: str | None, data: Mapping[str, Any] | None) -> str:
    about = "" if subject is None else f" about {subject!r}"
    return f"{pattern}{about}{'' if data is None else f' with {dict(data)!r}'}"


def _event(event: Event) -> str:
    return f"{event.offset} {event.type} {event.subject or '-'} {event.data!r}"


def _tell(what: str, found: int, times: int | None, seen: Iterable[str]) -> str:
    wanted = "at least once" if times is None else f"{times} times"
    lines = "".join(f"\n  {line}" for line in seen) or " nothing"
    return f"expected {what}, {wanted}; it was {found} times. There is:{lines}"
