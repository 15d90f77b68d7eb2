"""A wall clock that is set: what is known of events, and how long they are kept."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from event_system.events.codec import Draft
from event_system.events.ports import Receipt
from event_system.node.core import Core
from event_system.node.listeners import Found
from event_system.node.machine import Machine
from event_system.node.settings import EventSettings, RetentionSection
from event_system.node.stores import embedded_stores
from tests.support.clock import HOUR_US, SECOND_US, HandClock

MINUTE_US = 60 * SECOND_US


@asynccontextmanager
async def running(path: Path, clock: HandClock, settings: EventSettings) -> AsyncIterator[Core]:
    machine = Machine(clock, os.urandom, asyncio.get_running_loop().call_later)
    stores = embedded_stores(path, settings, clock, asyncio.get_running_loop())
    core = Core(stores, settings, Found([]), {}, machine)
    await core.start()
    try:
        yield core
    finally:
        await core.stop(5.0)


async def send(core: Core, id_: str) -> Receipt:
    return await core.manager.trigger(Draft("player.login", id=id_), "test")


async def kept(core: Core) -> list[str]:
    events = (await core.log.read(0, 1000)).events
    received = [event.received_us for event in events]
    assert received == sorted(received)
    return [event.id for event in events]


async def test_an_event_is_known_while_the_clock_is_set_and_for_its_window(tmp_path: Path) -> None:
    settings = EventSettings(dedupe_window=timedelta(hours=2))
    clock = HandClock()
    async with running(tmp_path, clock, settings) as core:
        await send(core, "before")
        clock.us += HOUR_US
        await send(core, "ahead")
        clock.us -= HOUR_US
        await send(core, "after")
        for id_ in ("before", "ahead", "after"):
            assert (await send(core, id_)).duplicate
    clock.us -= HOUR_US
    async with running(tmp_path, clock, settings) as core:
        for id_ in ("before", "ahead", "after"):
            assert (await send(core, id_)).duplicate
        clock.us += 2 * HOUR_US + 59 * MINUTE_US
        assert [(await send(core, id_)).duplicate for id_ in ("before", "after")] == [True, True]
        clock.us += MINUTE_US + SECOND_US
        assert not (await send(core, "before")).duplicate
        clock.us += HOUR_US
        assert not (await send(core, "ahead")).duplicate
        assert await kept(core) == ["before", "ahead", "after", "before", "ahead"]


async def test_a_clock_that_is_set_back_lets_events_go_an_hour_later_and_none_too_early(
    tmp_path: Path,
) -> None:
    retention = RetentionSection(max_age=timedelta(minutes=30))
    settings = EventSettings(dedupe_window=timedelta(0), retention=retention)
    clock = HandClock()
    async with running(tmp_path, clock, settings) as core:
        await send(core, "before")
        clock.us -= HOUR_US
        await send(core, "after")
        await send(core, "newest")
        assert await core.retention.sweep() == 0
        clock.us += HOUR_US + 29 * MINUTE_US
        assert await core.retention.sweep() == 0
        clock.us += 2 * MINUTE_US
        assert await core.retention.sweep() == 2
        assert await kept(core) == ["newest"]


async def test_a_clock_that_was_an_hour_ahead_costs_no_event_that_comes_after(
    tmp_path: Path,
) -> None:
    retention = RetentionSection(max_age=timedelta(minutes=30))
    settings = EventSettings(dedupe_window=timedelta(0), retention=retention)
    clock = HandClock()
    async with running(tmp_path, clock, settings) as core:
        await send(core, "old")
        clock.us += HOUR_US
        await send(core, "ahead")
        assert await core.retention.sweep() == 1
        clock.us -= HOUR_US
        await send(core, "after")
        clock.us += HOUR_US + 29 * MINUTE_US
        await send(core, "newest")
        assert await core.retention.sweep() == 0
        clock.us += 2 * MINUTE_US
        assert await core.retention.sweep() == 2
        assert await kept(core) == ["newest"]
