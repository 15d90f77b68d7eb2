"""Cron schedules: kept, changed, and fired, each moment once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from msgspec.structs import replace

from event_system.events.event import Row
from event_system.events.manager import EventManager
from event_system.events.ports import Receipt
from event_system.kernel.clock import CallLater
from event_system.kernel.errors import (
    InvalidEventError,
    InvalidScheduleError,
    ScheduleConflictError,
    ScheduleNotFoundError,
    TooManySchedulesError,
)
from event_system.kernel.threads import in_thread
from event_system.scheduling.aftermath import Aftermath
from event_system.scheduling.delayed import SECOND_US, answer_of
from event_system.scheduling.ports import KeptSchedule, ScheduleStore, Step
from event_system.scheduling.pump import Pump
from event_system.scheduling.schedule import (
    MAX_CATCH_UP,
    Schedule,
    Template,
    check_name,
    due_us,
    firing_after,
    firing_id,
    firing_row,
    plan,
)

MAX_SCHEDULES: Final = 1000
_log = logging.getLogger(__name__)


class Schedules:
    """The node's schedules. `observe` is given how late firings were, in seconds."""

    def __init__(
        self,
        store: ScheduleStore,
        manager: EventManager,
        *,
        lanes: int,
        now_us: Callable[[], int],
        loop: asyncio.AbstractEventLoop,
        call_later: CallLater,
        observe: Callable[[Sequence[float]], None],
    ) -> None:
        self._store = store
        self._manager = manager
        self._lanes = lanes
        self._now_us = now_us
        self._observe = observe
        self._kept = {kept.name: kept for kept in store.kept}
        self._due = {kept.name: self._due_of(kept) for kept in store.kept}
        self._revision = max((kept.revision for kept in store.kept), default=0)
        self._loop = loop
        self._pump = Pump(self, now_us, call_later)
        self._aftermath = Aftermath(manager, loop)
        self._firing: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()
        self._changes = 0

    def start(self) -> None:
        self._pump.start()

    def stop(self) -> None:
        """Fire nothing more; `drain` waits for what was fired."""
        self._pump.stop()

    @property
    def busy(self) -> bool:
        """Whether something is being fired, or sync listeners of what was fired run."""
        return self._pump.busy or self._aftermath.busy

    async def drain(self) -> None:
        """Wait for what is being fired, and for its sync listeners."""
        if self._firing is not None:
            await asyncio.wait([self._firing])
        await self._aftermath.drain()

    async def take_over(self, load: Callable[[], Awaitable[Sequence[KeptSchedule]]]) -> None:
        """Go on with what is kept now: other nodes may have changed it."""
        before = self._changes
        found = {kept.name: kept for kept in await load()}
        if self._changes != before or found == self._kept:
            return  # what was found may be older than what is known
        self._kept = found
        self._due = {name: self._due_of(kept) for name, kept in found.items()}
        self._revision = max(self._revision, *(kept.revision for kept in found.values()), 0)
        self._pump.look()

    # Looking

    def all(self) -> list[KeptSchedule]:
        """All schedules, ordered by name."""
        return [self._kept[name] for name in sorted(self._kept)]

    def get(self, name: str) -> KeptSchedule:
        """The schedule of this name. Raises `ScheduleNotFoundError`."""
        if (kept := self._kept.get(name)) is None:
            raise ScheduleNotFoundError(f"no schedule is called {name[:100]!r}", where=name[:100])
        return kept

    def due_of(self, name: str) -> int | None:
        """When a schedule fires next, jitter included."""
        return self._due.get(name)

    # Changing

    async def put(self, name: str, schedule: Schedule) -> KeptSchedule:
        """Keep a schedule under this name. Given again unchanged it goes on as it was.

        Raises `InvalidScheduleError`, `TooManySchedulesError`, `ScheduleConflictError`, and what
        is wrong with the event of the template. A changed one fires from now on only.
        """
        async with self._changing:
            known = await self._known(check_name(name))
            try:
                if known is None or known.definition != schedule:
                    return await self._put(name, schedule, known)
                await answer_of(partial(self._store.put, known, known.revision))
            except ScheduleConflictError:
                known = await self._look_again(name)
                if known is None or known.definition != schedule:
                    raise
            return known

    async def _put(self, name: str, schedule: Schedule, known: KeptSchedule | None) -> KeptSchedule:
        if known is None and len(self._kept) >= MAX_SCHEDULES:
            raise TooManySchedulesError(f"there are {MAX_SCHEDULES}")
        now = self._now_us()
        self._check_event(name, schedule.event, now)
        next_us = await in_thread(firing_after, schedule, now)
        before = None if known is None else known.revision
        revision = max(self._revision + 1, (before or 0) + 1, now)  # nobody's is the same
        self._revision = revision
        kept = KeptSchedule(name=name, revision=revision, definition=schedule, next_us=next_us)
        self._changes += 1
        await answer_of(partial(self._store.put, kept, before))
        if (known := self._kept.get(name)) is not None:  # it may have fired meanwhile
            kept = replace(known, revision=revision, definition=schedule, next_us=next_us)
        self._keep(kept)
        self._pump.look()
        return kept

    def _check_event(self, name: str, template: Template, now_us: int) -> None:
        """Raise `InvalidScheduleError` where the event of a firing would be refused."""
        try:
            self._manager.admit(template.draft(firing_id(name, now_us)), template.source)
        except InvalidEventError as error:
            where = (error.where or "$").replace("$", "$.event", 1)
            raise InvalidScheduleError(error.detail, where=where) from error

    async def delete(self, name: str) -> KeptSchedule:
        """Forget a schedule; what it was. Raises `ScheduleNotFoundError`, `ScheduleConflictError`."""
        async with self._changing:
            await self._known(name)
            kept = self.get(name)
            self._changes += 1
            try:
                await answer_of(partial(self._store.delete, name, kept.revision))
            except ScheduleConflictError:
                await self._look_again(name)
                raise
            self._forget(name)
            return kept

    async def run(self, name: str) -> tuple[Row, Receipt]:
        """Trigger the schedule's event now, whatever its times; it goes on as it was.

        Raises `ScheduleNotFoundError`, and what `EventManager.trigger` does.
        """
        kept = self.get(name)
        template = kept.definition.event
        draft = template.draft(f"schedule:{name}:run:{self._manager.new_id()}")
        row = self._manager.admit(draft, template.source)
        (receipt,) = await self._manager.trigger_rows([row])
        return row, receipt

    async def _known(self, name: str) -> KeptSchedule | None:
        """The schedule of this name; where there is none, another node may just have made it."""
        return self._kept.get(name) or await self._look_again(name)

    async def _look_again(self, name: str) -> KeptSchedule | None:
        """Go on with the schedule as it is stored."""
        stored: KeptSchedule | None = await answer_of(partial(self._store.get, name))
        if stored is None:
            self._forget(name)
        else:
            self._keep(stored)
        self._pump.look()
        return stored

    def _forget(self, name: str) -> None:
        self._changes += 1
        self._kept.pop(name, None)
        self._due.pop(name, None)

    def _keep(self, kept: KeptSchedule) -> None:
        self._changes += 1
        self._kept[kept.name] = kept
        self._due[kept.name] = self._due_of(kept)

    def _due_of(self, kept: KeptSchedule) -> int | None:
        if kept.next_us is None:
            return None
        return due_us(kept.name, kept.definition, kept.next_us)

    # Firing

    @property
    def next_us(self) -> int | None:
        """When the next schedule fires."""
        return min((due for due in self._due.values() if due is not None), default=None)

    def fire(self, now_us: int, done: Callable[[Exception | None], None]) -> None:
        """Fire what is due, as its schedule wants missed firings made up for."""
        self._firing = self._loop.create_task(self._fire(now_us, done))

    async def _fire(self, now_us: int, done: Callable[[Exception | None], None]) -> None:
        try:
            self._changes += 1
            due = [self._kept[name] for name, us in self._due.items() if us and us <= now_us]
            steps = await in_thread(self._steps, due, now_us, self._manager.stamp())
            offsets = await answer_of(partial(self._store.advance, steps))
            for step, stored in zip(steps, offsets, strict=True):
                if stored is not None:
                    self._moved(step, stored)
            await self._look_at_refused(steps, offsets)
        except Exception as error:  # noqa: BLE001 - the pump tells it and tries again
            done(error)
            return
        self._aftermath.when_calm(lambda: done(None))

    async def _look_at_refused(
        self, steps: Sequence[Step], offsets: Sequence[Sequence[int] | None]
    ) -> None:
        """What did not fire was changed, or has fired, over another node."""
        for step, stored in zip(steps, offsets, strict=True):
            if stored is None and self._kept.get(step.before.name) is step.before:
                await self._look_again(step.before.name)

    def _steps(self, due: list[KeptSchedule], now_us: int, received_us: int) -> list[Step]:
        """What to do for each due schedule, in a thread; many firings are left for later."""
        steps: list[Step] = []
        rows = 0
        for kept in due:
            step = self._step(kept, now_us, received_us)
            rows += len(step.rows)
            if steps and rows > MAX_CATCH_UP:
                break
            steps.append(step)
        return steps

    def _step(self, kept: KeptSchedule, now_us: int, received_us: int) -> Step:
        assert kept.next_us is not None  # it is due
        planned = plan(kept.name, kept.definition, kept.next_us, now_us)
        rows = [
            firing_row(
                kept.name, kept.definition.event, us, received_us=received_us, lanes=self._lanes
            )
            for us in planned.firings
        ]
        after = replace(kept, next_us=planned.next_us)
        if planned.firings:
            fired = kept.fired + len(rows)
            after = replace(after, last_us=planned.firings[-1], fired_us=received_us, fired=fired)
        if planned.firings[:1] != [kept.next_us]:
            context = {"schedule": kept.name, "catchUp": kept.definition.catch_up}
            _log.warning("missed firings were left out", extra={"context": context})
        return Step(kept, rows, after)

    def _moved(self, step: Step, offsets: Sequence[int]) -> None:
        now, before, after = self._now_us(), step.before, step.after
        if offsets:
            after = replace(after, last_offset=abs(offsets[-1]))
        if (current := self._kept.get(before.name)) is not None:
            if current is not before:  # it was changed meanwhile, and fires as it says now
                changed = {"revision": current.revision, "definition": current.definition}
                after = replace(after, next_us=current.next_us, **changed)
            self._keep(after)
        due = [due_us(before.name, before.definition, row[9]) for row in step.rows]
        self._observe([max(0, now - us) / SECOND_US for us in due])
        for row, offset in zip(step.rows, offsets, strict=True):
            self._aftermath.run(row, offset)
