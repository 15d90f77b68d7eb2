from __future__ import annotations

import asyncio

import pytest

from event_system.incidents.actions import Request
from event_system.kernel.errors import (
    StorageError,
)
from tests.support.incidents import running, signal, timeline
from tests.support.waiting import PATIENCE_SECONDS

_NOTHING = Request()


async def test_a_restart_in_every_state_forgets_nothing_and_pages_nobody_twice() -> None:
    """After each step the process is killed; the same is told as without that."""
    told = {}
    for restarts in (False, True):
        async with running() as world:
            step = world.restart if restarts else world.settle
            case = await world.fires(signal("Down", level="P0", service="api"))
            await step()
            await world.fires(signal("Slow", at=10, service="api"))
            await step()
            await world.passes(300)
            await step()
            await world.act(case, "snooze", seconds=600)
            await step()
            await world.passes(600)
            await step()
            await world.act(case, "acknowledge")
            await step()
            await world.passes(1800)
            await step()
            await world.act(case, "mitigate", text="moved")
            await step()
            await world.ends("Down", 3000)
            await world.ends("Slow", 3000)
            await step()
            await world.passes(300)
            await step()
            told[restarts] = (
                world.told,
                world.manager.get(case.incident.id).incident,
                timeline(world.manager.get(case.incident.id)),
                [each.type for each in world.announced],
            )

    assert told[True] == told[False]
    assert told[True][1].state == "recovered"


async def test_a_page_that_was_on_its_way_when_the_process_ended_goes_out_again() -> None:
    async with running() as world:
        world.phone.known["ann"] = ("sms",)
        world.phone.go_on = asyncio.Event()
        await world.manager.receive([signal("Slow")])
        async with asyncio.timeout(PATIENCE_SECONDS):
            await world.phone.asked.wait()
        await world.restart()
        world.phone.go_on.set()
        await world.settle()

        assert world.told == [("ann", "sms", "opened")]


async def test_a_stop_leaves_no_message_on_its_way() -> None:
    async with running() as world:
        world.phone.go_on = asyncio.Event()
        await world.manager.receive([signal("Slow")])
        async with asyncio.timeout(PATIENCE_SECONDS):
            await world.phone.asked.wait()
        await world.manager.stop()
        names = {task.get_name() for task in asyncio.all_tasks()}

        assert not names & {"incidents", "incident-page"}


async def test_a_page_that_arrives_after_the_end_is_followed_by_the_end() -> None:
    async with running() as world:
        world.phone.known["ann"] = ("sms",)
        world.phone.go_on = asyncio.Event()
        await world.manager.receive([signal("Slow")])
        async with asyncio.timeout(PATIENCE_SECONDS):
            await world.phone.asked.wait()
        (case,) = world.open_cases
        await world.manager.act(case.incident.id, "resolve", "ann", _NOTHING)
        world.phone.go_on.set()
        await world.settle()

        assert [why for _, _, why in world.told] == ["opened", "recovery"]


async def test_what_could_not_be_stored_is_told_and_stored_later() -> None:
    async with running() as world:
        world.records.failure = StorageError("the disk is full")
        with pytest.raises(StorageError):
            await world.manager.receive([signal("Slow")])
        assert world.told == []
        world.records.failure = None
        await world.settle()
        await world.restart()

        assert [case.incident.title for case in world.open_cases] == ["Slow is wrong"]
        assert world.told


async def test_a_clock_that_is_set_back_pages_nobody_twice() -> None:
    async with running() as world:
        await world.fires(signal("Slow"))
        before = list(world.told)
        world.clock.us -= 3600 * 1_000_000
        await world.settle()

        assert world.told == before
