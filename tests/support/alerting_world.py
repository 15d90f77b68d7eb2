"""A pipeline whose time is moved by hand, with a store and a channel that only remember."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from event_system.alerting.configuration import Configuration, Receiver
from event_system.alerting.inhibition import InhibitRule
from event_system.alerting.intervals import Span, TimeInterval
from event_system.alerting.limits import RateLimit
from event_system.alerting.manager import AlertManager, Options
from event_system.alerting.matchers import parse_matchers
from event_system.alerting.notification import Notification, status_of
from event_system.alerting.ports import Changes, Kept
from event_system.alerting.reports import Report
from event_system.alerting.routes import Route, RouteOptions
from event_system.alerting.sending import Integration, Sender
from event_system.alerting.silences import Silence
from event_system.kernel.errors import StorageError
from tests.support.alerting import NOW, SECOND
from tests.support.waiting import PATIENCE_SECONDS


class Memory:
    """Implements `AlertingStore`. Where there is a `go_on`, storing waits for it."""

    def __init__(self) -> None:
        self.all = Changes()
        self.fails = False
        self.asked = asyncio.Event()
        self.go_on: asyncio.Event | None = None

    async def load(self) -> Kept:
        def kept(rows: dict[str, Any]) -> dict[str, Any]:
            return {key: row for key, row in rows.items() if row is not None}

        found = self.all
        return Kept(
            *(kept(found.alerts), kept(found.silences), kept(found.entries), kept(found.timers)),
            *(kept(found.recurring), kept(found.notes)),
        )

    async def save(self, changes: Changes) -> None:
        self.asked.set()
        if self.go_on is not None:
            await self.go_on.wait()
        if self.fails:
            raise StorageError("the disk is full")
        self.all.add(changes)


class Time:
    """A clock that a test moves; groups are due by it. `set_by_us`: as its hands were set."""

    def __init__(self) -> None:
        self.us = NOW
        self.set_by_us = 0

    def now_us(self) -> int:
        return self.us + self.set_by_us

    def monotonic(self) -> float:
        return (self.us - NOW) / SECOND


class Remembering:
    """Implements `Channel`. `faults` are raised first; where it `hangs`, it never takes anything."""

    def __init__(self) -> None:
        self.told: list[list[tuple[str, str]]] = []
        self.faults: list[Exception] = []
        self.brief: list[bool] = []
        self.annotations: list[dict[str, str]] = []
        self.hangs = False
        self.tried = asyncio.Event()

    async def close(self) -> None:
        """There is nothing to let go of."""

    async def send(self, notification: Notification) -> None:
        self.tried.set()
        if self.hangs:
            await asyncio.Event().wait()
        if self.faults:
            raise self.faults.pop(0)
        self.brief.append(notification.is_brief)
        self.annotations.append(dict(notification.alerts[0].annotations))
        self.told.append(
            [(each.labels["alertname"], status_of(each)) for each in notification.alerts]
        )


OPTIONS = RouteOptions("team", group_wait_us=0, group_interval_us=10 * SECOND)


class World:
    """A manager whose time is moved by hand."""

    def __init__(
        self,
        *,
        keep_promise: bool = True,
        options: RouteOptions = OPTIONS,
        send_resolved: bool = True,
        behaviour: Options | None = None,
        limit: RateLimit | None = None,
    ) -> None:
        self.time, self.store, self.channel = Time(), Memory(), Remembering()
        self.behaviour = behaviour or Options("http://alerts.example", keep_promise)
        tell = Integration("webhook", 0, send_resolved, self.channel, limit=limit)
        self.configuration = Configuration(
            Route(options),
            {"team": Receiver("team", [tell])},
            [InhibitRule(parse_matchers("alertname=root"), parse_matchers("alertname=leaf"))],
            {"always": (TimeInterval(),), "later": (TimeInterval(years=(Span(2030, 2030),)),)},
        )
        self.ids = iter(f"id-{number}" for number in range(1000))
        self.manager = self.opened()

    def opened(self) -> AlertManager:
        sender = Sender(self.time.monotonic, lambda n: b"\0" * n)
        return AlertManager(
            self.configuration,
            self.store,
            sender,
            self.time,
            lambda: next(self.ids),
            self.behaviour,
        )

    async def report(self, name: str, *, ends: float | None = None) -> None:
        ends_us = None if ends is None else self.time.us + int(ends * SECOND)
        await self.manager.receive([Report(labels={"alertname": name}, ends_us=ends_us)])

    async def resolve(self, name: str) -> None:
        await self.report(name, ends=0)

    async def silence(self, name: str, seconds: float = 3600) -> str:
        now_us = self.time.us
        wanted = Silence(
            id="",
            rules=(("alertname", "=", name),),
            starts_us=now_us,
            ends_us=now_us + int(seconds * SECOND),
            updated_us=0,
            created_by="ops",
            comment="",
        )
        return await self.manager.set_silence(wanted)

    async def passes(self, seconds: float) -> None:
        """Move the time on, and let all that is due then be done."""
        self.time.us += int(seconds * SECOND)
        await self.settle()

    async def settle(self) -> None:
        manager = self.manager

        def is_settled() -> bool:
            due_us = manager._groups.next_due_us()
            is_due = due_us is not None and due_us <= self.time.us - NOW
            return not (is_due or any(group.is_flushing for group in manager._groups))

        manager._wake.set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_settled():
                manager._wake.set()
                await asyncio.sleep(0)

    async def until_tried(self) -> None:
        """Until the channel is asked to tell something."""
        self.manager._wake.set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.channel.tried.wait()

    @property
    def told(self) -> list[list[tuple[str, str]]]:
        return self.channel.told

    async def restart(self) -> None:
        await self.manager.stop()
        self.manager = self.opened()
        await self.manager.start()


@asynccontextmanager
async def running(**options: object) -> AsyncIterator[World]:
    world = World(**options)  # type: ignore[arg-type]
    await world.manager.start()
    try:
        yield world
    finally:
        await world.manager.stop()
