"""What one node does for all: alerts, and what comes of them.

On a node without others it runs from start to stop. In a cluster it is a task, which begins and
ends, and may begin again: so all parts are made anew each time, from what is stored.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final, Protocol

import msgspec

from event_system.events.codec import Draft
from event_system.events.event import Row
from event_system.events.manager import EventManager
from event_system.events.outbox import Announcement, Outbox
from event_system.http.alertmanager.services import ApiServices, Status
from event_system.incidents.manager import IncidentManager
from event_system.kernel.clock import Clock, to_datetime
from event_system.kernel.errors import EventSystemError, StoppingError
from event_system.kernel.tasks import end
from event_system.node.alerting import Alerting
from event_system.node.alerting_metrics import watch_alerting
from event_system.node.configuration import Loaded
from event_system.node.core import Core
from event_system.node.duties import OPERATIONS, Task
from event_system.node.evaluating import Evaluating
from event_system.node.incident_metrics import watch_incidents, watch_objectives
from event_system.node.incidents import Incidents
from event_system.node.on_call import OnCallPart, answering
from event_system.node.stores import NodeRecords, Stores
from event_system.node.watching import Watching
from event_system.oncall.roster import OnCall
from event_system.version import VERSION, build_time

SOURCE: Final = "event-system"
"""Of the events that the platform itself tells."""
_log = logging.getLogger(__name__)


class Part(Protocol):
    """One of the things that are done; `name` is that of its health."""

    name: str

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def trouble(self) -> str:
        """What keeps it from its work, for people; "" where nothing does."""


class Operations:
    """Starts and stops the parts. `alerting` is there while it runs."""

    def __init__(
        self,
        loaded: Loaded,
        core: Core,
        records: NodeRecords,
        clock: Clock,
        watching: Watching,
    ) -> None:
        self.alerting: Alerting | None = None
        self.incidents: Incidents | None = None
        self._on_call: OnCallPart | None = None
        self._loaded = loaded
        self._core = core
        self._records = records
        self._clock = clock
        self._watching = watching
        self._started_us = clock.now_us()
        self._parts: list[Part] = []
        self._running = AsyncExitStack()
        self._taking_over: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, loaded: Loaded, core: Core, stores: Stores, watching: Watching) -> Operations:
        """Operations as a task of this core. Raises `DamagedFileError`."""
        found = cls(loaded, core, stores.open_records(), stores.clock, watching)
        core.further[OPERATIONS.name] = Task(found.start, found.stop)
        watch_alerting(
            core.metrics_manager,
            lambda: found.alerting.manager if found.alerting and found.runs else None,
            lambda: found.alerting.states if found.alerting else {},
        )
        watch_incidents(core.metrics_manager, lambda: found.incident_manager)
        watch_objectives(
            core.metrics_manager,
            lambda: found.incidents.standing.states if found.incidents and found.runs else (),
        )
        return found

    async def start(self) -> None:
        """Take up what is stored. Raises `StorageError`; nothing runs then."""
        async with AsyncExitStack() as stack:
            outbox = Outbox(self._records, telling(self._core.manager))
            await outbox.start()
            stack.push_async_callback(outbox.stop)
            parts = self._laid(outbox)
            for part in parts:
                await part.start()
                stack.push_async_callback(part.stop)
            self._parts = parts
            self._running = stack.pop_all()

    def _laid(self, outbox: Outbox) -> list[Part]:
        """The parts in the order of their start: each stands on those before it."""
        settings = self._loaded.settings
        plan = self._loaded.on_call
        self._on_call = OnCallPart(plan, self._records, self._clock, os.urandom)
        parts: list[Part] = [self._on_call]
        manager = None
        if settings.alerting.enabled:
            alerting: Alerting
            given = (self._records, outbox, self._clock)
            if settings.incidents.enabled:
                now = lambda: alerting.manager.configuration  # noqa: E731 - made below
                self.incidents = Incidents(settings, *given, now, answering(self._on_call.on_call))
                parts.append(self.incidents)
            alerting = Alerting(settings, self._loaded.alerting, *given, self.incidents)
            self.alerting, manager = alerting, alerting.manager
            parts.append(alerting)
        parts.append(Evaluating(self._watching, self._records, manager))
        return parts

    async def stop(self) -> None:
        """Let go of everything; it goes on from there at the next start. Idempotent."""
        if self._taking_over is not None:
            await end(self._taking_over)
        self._parts, self.alerting, self.incidents, self._on_call = [], None, None, None
        stack, self._running = self._running, AsyncExitStack()
        await stack.aclose()

    async def close(self) -> None:
        """Let go of what is stored, too."""
        await self.stop()
        await self._records.close()

    def apply(self, loaded: Loaded) -> None:
        """Take over a changed configuration; it has been checked."""
        before, self._loaded = self._loaded, loaded
        if self._on_call is not None:
            self._on_call.take_over(loaded.on_call)
        if self.incidents is not None and self.runs:
            self.incidents.configure(loaded.settings)
        if self.alerting is not None and loaded.alerting_seen != before.alerting_seen:
            work = self._take_over(self.alerting, loaded, self._taking_over)
            self._taking_over = asyncio.get_running_loop().create_task(work, name="operations")

    async def _take_over(
        self, alerting: Alerting, loaded: Loaded, before: asyncio.Task[None] | None
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
        await alerting.take_over(loaded.alerting)
        _log.info("the configuration of alerting is taken over")

    @property
    def runs(self) -> bool:
        """Whether this node does it now."""
        return bool(self._parts)

    @property
    def on_call(self) -> OnCall | None:
        """Who is on call; None while another node looks after that."""
        return None if self._on_call is None or not self.runs else self._on_call.on_call

    @property
    def api(self) -> ApiServices | None:
        """What Alertmanager's API needs; None while another node looks after alerts."""
        if self.alerting is None or not self.runs:
            return None
        status = Status(VERSION, "", build_time(), self._started_us, peer=None)
        return ApiServices(self.alerting.manager, status)

    @property
    def incident_manager(self) -> IncidentManager | None:
        """None while another node looks after incidents, or nobody does."""
        return self.incidents.manager if self.incidents is not None and self.runs else None

    def troubles(self) -> Mapping[str, str]:
        """Of the parts, where they are at work here; "" of those that are well."""
        return {part.name: part.trouble() for part in self._parts}


def telling(manager: EventManager) -> Callable[[Sequence[Announcement]], Awaitable[None]]:
    """Puts announcements into the log; one that it refuses for good is left out, and logged."""

    async def tell(announcements: Sequence[Announcement]) -> None:
        rows: list[Row] = []
        for announcement in announcements:
            try:
                rows.append(manager.admit(_draft(announcement), SOURCE))
            except StoppingError:
                raise
            except EventSystemError as error:
                _log.error("%s is left out of the log: %s", announcement.type, error.detail)
        await manager.trigger_rows(rows)

    return tell


def _draft(announcement: Announcement) -> Draft:
    return Draft(
        announcement.type,
        subject=announcement.subject,
        id=announcement.id,
        time=to_datetime(announcement.time_us),
        data=msgspec.Raw(msgspec.json.encode(announcement.data)),
    )
