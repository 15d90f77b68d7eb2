"""Incidents as a part of a node: fed by the alert pipeline, telling an outside service."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from event_system.alerting.alert import Alert
from event_system.alerting.configuration import Configuration
from event_system.alerting.notification import Notification
from event_system.events.outbox import Outbox
from event_system.incidents.intake import Signal
from event_system.incidents.manager import IncidentManager, Options
from event_system.incidents.ports import Roster, WorkingTime
from event_system.incidents.reports.standing import Standing
from event_system.incidents.watchdog import ALERT
from event_system.kernel.clock import Clock
from event_system.kernel.errors import ChannelError, StorageError
from event_system.kernel.records import Records
from event_system.kernel.tasks import end
from event_system.node.alerting import external_url
from event_system.node.heartbeat import Heartbeat
from event_system.node.paging import Contact, Paging
from event_system.node.settings import Settings

LOOK_SECONDS: Final = 15.0
"""How often objectives are looked at."""
VALUE: Final = "value"
"""The annotation that tells an alert's value in its rule's words, where it has one."""


class Always:
    """Implements `WorkingTime` where no calendar is configured: it is always working time."""

    def is_open(self, at_us: int) -> bool:
        return True

    def add(self, at_us: int, span_us: int, *, only_open: bool) -> int:
        return at_us + span_us


class Nobody:
    """Implements `Roster` where no schedule is configured."""

    def on_call(self, schedule: str, at_us: int) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers, when they work, and how they can be reached."""

    roster: Roster = field(default_factory=Nobody)
    hours: WorkingTime = field(default_factory=Always)
    people: Callable[[], Mapping[str, Contact]] = dict


class Incidents:
    """A part of `Operations`. Its `send` is the channel that the pipeline feeds it by.

    `configuration` is that of alerting as it is now.
    """

    name = "incidents"

    def __init__(
        self,
        settings: Settings,
        records: Records,
        outbox: Outbox,
        clock: Clock,
        configuration: Callable[[], Configuration],
        answering: Answering,
    ) -> None:
        self._hours = answering.hours
        self._external_url = external_url(settings)
        pager = Paging(answering.people, configuration, clock, self._external_url)
        self.manager = IncidentManager(
            *(self._options(settings), records, outbox, answering.roster, pager, clock),
            os.urandom,
        )
        section = settings.incidents
        self._heartbeat = None
        if section.heartbeat_url is not None:
            interval = section.heartbeat_interval.total_seconds()
            self._heartbeat = Heartbeat(section.heartbeat_url, interval, self._is_well)
        self.standing = Standing()
        self._clock = clock
        self._failed = False
        self._tasks: list[asyncio.Task[None]] = []

    def _options(self, settings: Settings) -> Options:
        return settings.incidents.options(self._hours, self._external_url)

    async def start(self) -> None:
        """Raises `StorageError`."""
        await self.manager.start()
        loop = asyncio.get_running_loop()
        self._tasks.append(loop.create_task(self._look(), name="objectives"))
        if self._heartbeat is not None:
            self._tasks.append(loop.create_task(self._heartbeat.run(), name="heartbeat"))

    async def _look(self) -> None:
        while True:
            await self.standing.look(self.manager, self._clock.now_us())
            await asyncio.sleep(LOOK_SECONDS)

    async def stop(self) -> None:
        for task in self._tasks:
            await end(task)
        await self.manager.stop()

    def configure(self, settings: Settings) -> None:
        """Go on by changed settings; those that are not live stay as they were."""
        self.manager.configure(self._options(settings))

    def trouble(self) -> str:
        stored = "alerts cannot be stored with their incidents" if self._failed else ""
        return "; ".join(filter(None, (stored, self.manager.trouble())))

    def _is_well(self) -> bool:
        """Whether alerts can come through: what came last was stored, the watchdog was heard."""
        return not self._failed and not self.manager.watchdog.is_missing

    async def send(self, notification: Notification) -> None:
        """Take alerts in. Raises `ChannelError`, so that they come again."""
        signals = [signal_of(alert) for alert in notification.alerts]
        try:
            if any(each.labels.get("alertname") == ALERT for each in signals):
                await self.manager.beat()
            await self.manager.receive(
                [each for each in signals if each.labels.get("alertname") != ALERT]
            )
        except StorageError as error:
            self._failed = True
            raise ChannelError(f"incidents: {error.detail}", may_pass=True) from error
        self._failed = False

    async def close(self) -> None:
        """`stop` ends it."""


def signal_of(alert: Alert) -> Signal:
    """An alert of a notification, as incidents know it."""
    return Signal(
        fingerprint=alert.fingerprint,
        labels=alert.labels,
        annotations=alert.annotations,
        starts_us=alert.starts_us,
        ends_us=alert.ends_us,
        updated_us=alert.updated_us,
        value=alert.annotations.get(VALUE, alert.value),
        generator_url=alert.generator_url,
    )
