"""Incidents whose time is moved by hand, with a store, people and a pager that only remember."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from event_system.events.outbox import Announcement, Outbox
from event_system.incidents.actions import Request, Verb
from event_system.incidents.book import Case
from event_system.incidents.correlation import Rules
from event_system.incidents.escalation import Plan
from event_system.incidents.incident import Incident
from event_system.incidents.intake import Signal
from event_system.incidents.manager import IncidentManager, Options
from event_system.incidents.ports import Page
from tests.support.clock import HandClock
from tests.support.memory_records import MemoryRecords
from tests.support.waiting import PATIENCE_SECONDS

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_795_003_200 * SECOND
"""Wednesday, 18 November 2026, 12:00 UTC."""


class Hours:
    """Implements `WorkingTime`: every day from 9 to 17 in UTC."""

    opens_us, closes_us = 9 * HOUR, 17 * HOUR

    def is_open(self, at_us: int) -> bool:
        return self.opens_us <= at_us % DAY < self.closes_us

    def add(self, at_us: int, span_us: int, *, only_open: bool) -> int:
        if not only_open:
            return at_us + span_us
        while True:
            into = at_us % DAY
            at_us += max(0, self.opens_us - into)
            left = max(0, self.closes_us - at_us % DAY)
            if span_us <= left:
                return at_us + span_us
            span_us -= left
            at_us += DAY - at_us % DAY


class People:
    """Implements `Roster`; a schedule has those who are on call."""

    def __init__(self) -> None:
        self.schedules: dict[str, tuple[str, ...]] = {"primary": ("ann",), "secondary": ("bob",)}

    def on_call(self, schedule: str, at_us: int) -> tuple[str, ...]:
        return self.schedules.get(schedule, ())


class Phone:
    """Implements `Pager`. `faults` are raised first; where it `hangs`, it waits for `go_on`."""

    def __init__(self) -> None:
        self.known: dict[str, Sequence[str]] = dict.fromkeys(
            ("ann", "bob", "cid"), ("phone", "sms", "email", "slack")
        )
        self.pages: list[Page] = []
        self.faults: list[Exception] = []
        self.asked = asyncio.Event()
        self.go_on: asyncio.Event | None = None

    def methods(self, person: str) -> Sequence[str]:
        return self.known.get(person, ())

    async def page(self, page: Page) -> None:
        self.asked.set()
        if self.go_on is not None:
            await self.go_on.wait()
        if self.faults:
            raise self.faults.pop(0)
        self.pages.append(page)

    def told(self) -> list[tuple[str, str, str]]:
        """Target, method, and purpose of each incident told."""
        return [
            (page.target.removeprefix("person:"), page.method, each.purpose)
            for page in self.pages
            for each in page.told
        ]


def signal(
    name: str, *, at: int = 0, ends: int | None = None, level: str = "P1", **labels: str
) -> Signal:
    """An alert that began `at` seconds after the start."""
    given = {"alertname": name, "level": level, **labels}
    return Signal(
        fingerprint=f"fp-{name}",
        labels=given,
        annotations={"summary": f"{name} is wrong", "summary_zh": f"{name} 异常"},
        starts_us=START + at * SECOND,
        ends_us=0 if ends is None else START + ends * SECOND,
        updated_us=START + (at if ends is None else ends) * SECOND,
        value="42",
    )


PLAN = Plan(Hours())


class World:
    """A manager whose time is moved by hand; what is owed to the log is in `announced`."""

    def __init__(self, options: Options | None = None) -> None:
        self.clock = HandClock(START)
        self.records = MemoryRecords()
        self.people, self.phone = People(), Phone()
        self.options = options or Options(PLAN, gap_us=0, external_url="http://node.example")
        self.announced: list[Announcement] = []
        self._numbers = iter(range(1, 10**9))

    async def open(self) -> None:
        self.outbox = Outbox(self.records, self._tell)
        await self.outbox.start()
        self.manager = IncidentManager(
            *(self.options, self.records, self.outbox, self.people, self.phone, self.clock),
            self._random,
        )
        await self.manager.start()

    async def _tell(self, announcements: Sequence[Announcement]) -> None:
        self.announced.extend(announcements)

    def _random(self, size: int) -> bytes:
        return next(self._numbers).to_bytes(size, "big")

    async def close(self) -> None:
        await self.manager.stop()
        await self.outbox.stop()

    async def restart(self) -> None:
        """As after `kill -9`: what is in memory is gone."""
        await self.manager.halt()
        await self.outbox.stop()
        await self.open()

    async def passes(self, seconds: float) -> None:
        """Move the time on, and let all that is due then be done."""
        self.clock.us += int(seconds * SECOND)
        await self.settle()

    async def settle(self) -> None:
        """Until nothing is due any more."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                await self.manager.tick()
                await self.manager.settled()
                due_us = self.manager.next_due_us()
                if due_us is None or due_us > self.clock.us:
                    return

    async def fires(self, *signals: Signal) -> Case:
        """The incident of the last one, once all is settled."""
        await self.manager.receive(signals)
        await self.settle()
        return self.case_of(signals[-1].fingerprint)

    async def ends(self, name: str, after: int) -> None:
        await self.manager.receive([signal(name, ends=after)])

    def case_of(self, fingerprint: str) -> Case:
        return self.manager.get(self.manager.book.owners[fingerprint])

    async def act(self, case: Case, verb: Verb, who: str = "ann", **asked: Any) -> Incident:
        done = await self.manager.act(case.incident.id, verb, who, Request(**asked))
        await self.settle()
        return done

    @property
    def open_cases(self) -> list[Case]:
        return list(self.manager.book.open())

    @property
    def told(self) -> list[tuple[str, str, str]]:
        return self.phone.told()


def timeline(case: Case) -> list[str]:
    return [entry.what for entry in case.timeline]


def with_topology(topology: Mapping[str, Sequence[str]]) -> Options:
    return replace(Options(PLAN, gap_us=0), rules=Rules(topology=topology))


@asynccontextmanager
async def running(options: Options | None = None) -> AsyncIterator[World]:
    world = World(options)
    await world.open()
    try:
        yield world
    finally:
        await world.close()
