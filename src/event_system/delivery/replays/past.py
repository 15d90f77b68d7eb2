"""What a replay reads: its part of the log, and of that what is wanted, as fast as it may."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import msgspec

from event_system.delivery.ports import DEAD, Failure, Source
from event_system.delivery.replays.replay import Replay
from event_system.events.event import Event, bytes_of
from event_system.events.ports import Slice

FAILURES = 1000
"""Failed deliveries that are looked at in one step."""
STRIDE = 100_000
"""Offsets in which one step looks for dead letters."""
BEAT_SECONDS = 0.1
"""With a limited rate events come in portions of this time."""
LARGE_PAGE = 4000
"""Events that are read at once while nothing else happens."""
CALM_SECONDS = 1.0
"""New events count as coming in for this long after the last one."""
SMALL_PAGE = 100
"""Events that are read at once while new ones come in."""
REST = 19.0
"""Then reading rests for this many times as long as it and handling took."""

FailuresIn: TypeAlias = Callable[[int, int, int], Awaitable[list[Failure]]]
"""The listener's failures above one offset up to another, the first few, by offset."""


class Meter:
    """Spreads events evenly over time: never more than `rate` a second, and no burst."""

    def __init__(self, rate: float, monotonic: Callable[[], float]) -> None:
        self.portion = max(1, int(rate * BEAT_SECONDS))
        self._rate = rate
        self._monotonic = monotonic
        self._free = 0.0

    def take(self, events: int) -> float:
        """Seconds to wait before these events may go on."""
        now = self._monotonic()
        self._free = max(self._free, now) + events / self._rate
        return self._free - now


class Traffic:
    """Whether new events come in, beside which a replay takes its time."""

    def __init__(self, routed: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self._routed = routed
        self._monotonic = monotonic
        self._seen = routed()
        self._at = self._calm_at = monotonic()

    def rest(self) -> float:
        """Seconds to rest, after what was done since the last rest; 0 while nothing comes in."""
        now, routed = self._monotonic(), self._routed()
        if routed != self._seen:
            self._calm_at = now + CALM_SECONDS
        rest = min((now - self._at) * REST, BEAT_SECONDS) if now < self._calm_at else 0.0
        self._seen, self._at = routed, now + rest
        return rest


class Past:
    """Implements `delivery.ports.Source` for the replay's subscription.

    Left out is what lies beyond a lane's end, what is parked (its retries have it already), what
    became a dead letter after the replay began, and, where only what was missed is wanted, what
    was handled. Dead letters from before are given to `again`: they have all attempts before them.
    `room` is what the subscription can always take at once.
    """

    def __init__(
        self,
        replay: Replay,
        log: Source,
        failures: FailuresIn,
        again: Callable[[Failure], None],
        meter: Meter | None,
        traffic: Traffic,
    ) -> None:
        self._replay = replay
        self._log = log
        self._failures = failures
        self._again = again
        self._meter = meter
        self._traffic = traffic
        self._first_end = min(replay.ends.values())
        self.matches: Callable[[str], bool] = lambda _: True
        self.room = 0

    async def pick(self, offsets: Sequence[int]) -> list[Event]:
        return await self._log.pick(offsets)

    async def read(self, after: int, limit: int, lanes: frozenset[int] | None = None) -> Slice:
        """As `EventLog.read`, but it may take its time."""
        if rest := self._traffic.rest():
            limit = min(limit, SMALL_PAGE)
            await asyncio.sleep(rest)
        else:
            limit = max(limit, min(self.room, LARGE_PAGE))
        if after >= self._replay.through:
            return Slice([], after, 0)
        if self._everything(after):
            page = await self._page(after, limit, lanes)
        else:
            page = await self._dead(after, lanes)
        if self._meter is not None:
            page = _first(page, self._meter.portion)
            await asyncio.sleep(self._meter.take(len(page.events)))
        return page

    def wants(self, event: Event) -> bool:
        """Whether the event, as far as it alone can tell, is to be handled."""
        ends = self._replay.ends
        end = ends.get(event.lane, self._replay.through)
        return self._replay.after < event.offset <= end and self.matches(event.type)

    def awaits(self, event: Event, state: str) -> bool:
        """Whether an event whose delivery is in this state is wanted, as far as can be told."""
        return self.wants(event) and (
            state == "dead" or (state == "handled" and self._everything(event.offset - 1))
        )

    def _everything(self, after: int) -> bool:
        """Whether what follows is wanted unless it has failed; else only dead letters are."""
        return self._replay.mode == "all" or after < self._replay.began

    async def _page(self, after: int, limit: int, lanes: frozenset[int] | None) -> Slice:
        replay = self._replay
        page = await self._log.read(after, limit, lanes)
        last = replay.through if replay.mode == "all" else min(replay.began, replay.through)
        page = _until(page, last)
        failures = await self._failures(after, page.through, FAILURES)
        if len(failures) == FAILURES:
            page = _until(page, failures[-1].offset)
        passed = self._passed(failures)
        if not passed and page.through <= self._first_end and self._meter is None:
            return page
        chosen = [e for e in page.events if e.offset not in passed and self.wants(e)]
        return Slice(chosen, page.through, page.size)

    async def _dead(self, after: int, lanes: frozenset[int] | None) -> Slice:
        through = min(after + STRIDE, self._replay.through)
        failures = await self._failures(after, through, FAILURES)
        if len(failures) == FAILURES:
            through = failures[-1].offset
        passed = self._passed(failures)
        wanted = [f.offset for f in failures if f.offset not in passed]
        events = await self._log.pick(wanted)
        if events and len(events) < len(wanted):  # the others are too large for one step, or gone
            through = events[-1].offset
        chosen = [e for e in events if self.wants(e) and (lanes is None or e.lane in lanes)]
        return Slice(chosen, through, bytes_of(chosen))

    def _passed(self, failures: Sequence[Failure]) -> set[int]:
        """Offsets of failures that are none of ours; the others begin anew."""
        passed = set()
        for failure in failures:
            if failure.state == DEAD and failure.at_us < self._replay.started_us:
                self._again(failure)
            elif failure.state != "blocking":  # then it is ours: nothing else can be down here
                passed.add(failure.offset)
        return passed


def _until(page: Slice, last: int) -> Slice:
    """The page without what lies above an offset."""
    if page.through <= last:
        return page
    return Slice([e for e in page.events if e.offset <= last], last, page.size)


def _first(page: Slice, number: int) -> Slice:
    """The page with no more than so many events."""
    if len(page.events) <= number:
        return page
    return Slice(page.events[:number], page.events[number - 1].offset, page.size)


def anew(failure: Failure) -> Failure:
    """A dead letter as one that is due in its lane, with all its attempts before it."""
    return msgspec.structs.replace(failure, state="blocking", attempts=0, at_us=0)
