"""Delayed events through the whole core, with a clock that the test sets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from event_system import Event, EventSystem, Listener, listener
from event_system.events.codec import Draft
from event_system.events.listener import listeners_of
from event_system.events.ports import Receipt
from event_system.kernel.clock import to_datetime
from event_system.kernel.errors import InvalidEventError
from event_system.node.core import Core
from event_system.node.listeners import Found
from event_system.node.machine import Machine
from event_system.node.settings import EventSettings
from event_system.node.stores import embedded_stores
from event_system.scheduling.ports import WaitingFilter
from tests.support.clock import HOUR_US, SECOND_US, HandClock
from tests.support.waiting import until

DAY_US = 24 * HOUR_US


@asynccontextmanager
async def running(path: Path, clock: HandClock, *listeners: Listener) -> AsyncIterator[Core]:
    machine = Machine(clock, os.urandom, asyncio.get_running_loop().call_later)
    settings, loop = EventSettings(), asyncio.get_running_loop()
    stores = embedded_stores(path, settings, clock, loop)
    core = Core(stores, settings, Found(list(listeners)), {}, machine)
    await core.start()
    try:
        yield core
    finally:
        await core.stop(5.0)


async def schedule(core: Core, id_: str, due_us: int, type_: str = "tick") -> Receipt:
    draft = Draft(type_, id=id_, deliver_at=to_datetime(due_us))
    row = core.manager.admit(draft, "test")
    (receipt,) = await core.delayed.trigger([core.delayed.held(draft, row)])
    return receipt


async def stored(core: Core) -> list[str]:
    return [event.id for event in (await core.log.read(0, 1000)).events]


async def test_an_event_waits_for_its_time(tmp_path: Path) -> None:
    clock = HandClock()
    due = clock.us + 5 * SECOND_US
    async with running(tmp_path, clock) as core:
        receipt = await schedule(core, "a", due)
        assert (receipt.offset, receipt.duplicate, receipt.deliver_at) == (
            *(0, False),
            to_datetime(due),
        )
        assert core.delayed.waiting == 1

        clock.us = due + 7
        await until(lambda: core.log.head == 1)

        event = (await core.log.read(0, 1)).events[0]
        assert (event.id, event.time_us, event.received_us) == ("a", due, due + 7)
        assert core.delayed.waiting == 0
        assert core.delayed.next_us is None


async def test_a_time_that_has_come_is_now(tmp_path: Path) -> None:
    clock = HandClock()
    async with running(tmp_path, clock) as core:
        receipt = await schedule(core, "a", clock.us - HOUR_US)

        assert (receipt.offset, receipt.deliver_at) == (1, None)


@pytest.mark.parametrize(("days", "fits"), [(366, True), (367, False)])
async def test_an_event_waits_a_year_at_most(tmp_path: Path, days: int, fits: bool) -> None:
    clock = HandClock()
    async with running(tmp_path, clock) as core:
        if fits:
            assert (await schedule(core, "a", clock.us + days * DAY_US)).offset == 0
        else:
            with pytest.raises(InvalidEventError) as error:
                await schedule(core, "a", clock.us + days * DAY_US)
            assert error.value.where == "$.deliver_at"


async def test_what_became_due_while_the_node_was_down_fires_at_its_start(tmp_path: Path) -> None:
    clock = HandClock()
    async with running(tmp_path, clock) as core:
        await schedule(core, "late", clock.us + HOUR_US)
        await schedule(core, "early", clock.us + SECOND_US)
        await schedule(core, "later", clock.us + 2 * HOUR_US)
    clock.us += HOUR_US
    async with running(tmp_path, clock) as core:
        await until(lambda: core.log.head == 2)

        assert await stored(core) == ["early", "late"]
        assert core.delayed.waiting == 1


async def test_a_clock_set_back_fires_nothing_twice(tmp_path: Path) -> None:
    clock = HandClock()
    began = clock.us
    async with running(tmp_path, clock) as core:
        await schedule(core, "first", began + SECOND_US)
        await schedule(core, "second", began + 2 * SECOND_US)
        clock.us = began + SECOND_US
        await until(lambda: core.log.head == 1)

        clock.us -= HOUR_US
        await schedule(core, "in between", clock.us + SECOND_US)
        clock.us += SECOND_US
        await until(lambda: core.log.head == 2)
        clock.us = began + 2 * SECOND_US
        await until(lambda: core.log.head == 3)

        assert await stored(core) == ["first", "in between", "second"]
        received = [event.received_us for event in (await core.log.read(0, 9)).events]
        assert received == sorted(received)


async def test_a_clock_set_forward_fires_what_is_due_then(tmp_path: Path) -> None:
    clock = HandClock()
    async with running(tmp_path, clock) as core:
        for n in range(1500):
            await schedule(core, f"{n}", clock.us + (n + 1) * SECOND_US)
        clock.us += HOUR_US // 4
        await until(lambda: core.log.head == 900)

        assert await stored(core) == [str(n) for n in range(900)]
        assert core.delayed.waiting == 600


async def test_listeners_see_an_event_when_it_fires(tmp_path: Path) -> None:
    seen: list[str] = []

    @listener("tick", name="sync", mode="sync")
    async def sync(event: Event) -> None:
        seen.append(f"sync {event.id}")
        raise ValueError("on purpose")

    @listener("tick", name="later")
    async def later(event: Event) -> None:
        seen.append(f"async {event.id}")

    clock = HandClock()
    async with running(tmp_path, clock, *listeners_of(sync), *listeners_of(later)) as core:
        await schedule(core, "a", clock.us + SECOND_US)
        assert seen == []

        clock.us += SECOND_US
        await until(lambda: len(seen) == 2)

        assert sorted(seen) == ["async a", "sync a"]
        event = (await core.log.read(0, 1)).events[0]
        states = {each.listener: each.state for each in await core.deliveries.of(event)}
        assert states["sync"] == "dead"


async def test_a_cancelled_event_does_not_fire(tmp_path: Path) -> None:
    clock = HandClock()
    async with running(tmp_path, clock) as core:
        await schedule(core, "a", clock.us + SECOND_US)
        await schedule(core, "b", clock.us + SECOND_US)
        cancelled = await core.delayed.cancel("a")
        clock.us += SECOND_US
        await until(lambda: core.log.head == 1)

        assert cancelled.event.id == "a"
        assert await stored(core) == ["b"]
        assert core.delayed.waiting == 0


async def test_an_embedded_node_takes_a_time(tmp_path: Path) -> None:
    far = datetime.now(UTC) + timedelta(days=1)
    async with EventSystem(tmp_path) as es:
        receipt = await es.trigger("a", {"n": 1}, id="one", deliver_at=far)
        again = await es.trigger("a", {"n": 1}, id="one", deliver_at=far)
        now, later = await es.trigger_batch([{"type": "b"}, {"type": "c", "deliver_at": far}])
        waiting = await es.delayed.find(WaitingFilter(), limit=10, after=None)

        assert (receipt.offset, receipt.deliver_at) == (0, far)
        assert (again.duplicate, again.deliver_at) == (True, far)
        assert (now.offset, later.offset) == (1, 0)
        assert [each.event.type for each in waiting.events] == ["a", "c"]
        soon = datetime.now(UTC) + timedelta(seconds=1)
        await es.trigger("a", {"n": 2}, id="two", deliver_at=soon)
        event = await until(lambda: es.history.get("two"))
        assert event.received_at >= soon
