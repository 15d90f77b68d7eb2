from __future__ import annotations

import pytest

from event_system.kernel.errors import ChannelError
from tests.support.incidents import HOUR, MINUTE, START, running, signal, timeline

ALL = ("phone", "sms", "email", "slack")


async def test_a_p0_pages_at_once_by_all_methods_and_goes_on_until_somebody_answers() -> None:
    async with running() as world:
        case = await world.fires(signal("Down", level="P0"))
        assert world.told == [("ann", method, "opened") for method in ALL]
        assert case.incident.state == "notified"

        await world.passes(5 * 60)
        second = world.told[4:]
        assert {person for person, _, _ in second} == {"ann", "bob"}
        assert {purpose for _, _, purpose in second} == {"escalated"}

        await world.passes(10 * 60)
        assert "nobody_answered" in timeline(case)
        assert len(world.told) == 4 + 8 + 8

        await world.act(case, "acknowledge", "bob")
        await world.passes(20 * 60)
        assert len(world.told) == 4 + 8 + 8


@pytest.mark.parametrize(
    ("level", "began_us", "due_us"),
    [
        ("P0", START, START + 5 * MINUTE),
        ("P1", START, START + 30 * MINUTE),
        ("P1", START + 8 * HOUR, START + 10 * HOUR),
        ("P2", START, START + 2 * HOUR),
        ("P2", START + 4 * HOUR, START + 22 * HOUR),
        ("P2", START + 8 * HOUR, START + 23 * HOUR),
        ("P3", START, START + 72 * HOUR),
    ],
)
async def test_the_second_step_is_due_at_the_end_of_the_response_time(
    level: str, began_us: int, due_us: int
) -> None:
    async with running() as world:
        world.clock.us = began_us
        case = await world.fires(signal("Slow", level=level))

        assert case.incident.escalation is not None
        assert case.incident.escalation.due_us == due_us


async def test_where_nobody_is_on_call_the_next_step_comes_at_once() -> None:
    async with running() as world:
        world.people.schedules["primary"] = ()
        case = await world.fires(signal("Down", level="P0"))

        assert {person for person, _, _ in world.told} == {"bob"}
        assert "nobody" in timeline(case)


async def test_without_anybody_it_stays_classified_and_is_tried_on() -> None:
    async with running() as world:
        world.people.schedules.clear()
        case = await world.fires(signal("Down", level="P0"))
        assert (case.incident.state, world.told) == ("classified", [])

        world.people.schedules["primary"] = ("ann",)
        await world.passes(10 * 60)

        assert case.incident.state == "notified"


async def test_a_page_that_nobody_gets_brings_the_next_step_at_once() -> None:
    async with running() as world:
        world.phone.known["ann"] = ("sms",)
        world.phone.faults = [ChannelError("no such number")]
        case = await world.fires(signal("Slow", level="P1"))

        assert {person for person, _, _ in world.told} == {"ann", "bob"}
        assert "not_sent" in timeline(case)


async def test_a_page_is_tried_again_where_that_may_help() -> None:
    async with running() as world:
        world.phone.known["ann"] = ("sms",)
        world.phone.faults = [ChannelError("busy", may_pass=True)] * 2
        await world.fires(signal("Slow", level="P1"))
        assert world.told == []

        await world.passes(5)
        assert world.told == []
        await world.passes(10)

        assert world.told == [("ann", "sms", "opened")]


async def test_a_snooze_holds_the_chain_and_its_end_goes_on() -> None:
    async with running() as world:
        case = await world.fires(signal("Slow", level="P1"))
        await world.act(case, "snooze", seconds=3600)
        before = len(world.told)

        await world.passes(3599)
        assert len(world.told) == before
        await world.passes(1)

        assert {purpose for _, _, purpose in world.told[before:]} == {"escalated"}
        assert "snooze_over" in timeline(case)


async def test_an_acknowledged_incident_without_news_is_asked_about_then_escalated() -> None:
    async with running() as world:
        case = await world.fires(signal("Slow", level="P1"))
        await world.act(case, "acknowledge", "ann")
        before = len(world.told)

        await world.passes(3600)
        assert {(who, why) for who, _, why in world.told[before:]} == {("ann", "reminder")}
        await world.act(case, "update", text="the cache is cold")
        await world.passes(3599)
        assert len(world.told) == before + 3
        await world.passes(1)
        await world.passes(2 * 3600)

        assert ("bob", "escalated") in {(who, why) for who, _, why in world.told}


async def test_a_raised_level_begins_its_chain_for_the_methods_that_were_not_used() -> None:
    async with running() as world:
        case = await world.fires(signal("Slow", service="api", level="P1"))
        await world.fires(signal("Down", at=1, service="api", level="P0"))

        assert world.told == [
            *(("ann", method, "opened") for method in ("sms", "email", "slack")),
            ("ann", "phone", "opened"),
        ]
        assert case.incident.level == "P0"
        assert case.incident.title == "Down is wrong"


async def test_a_lowered_level_does_not_page_anew() -> None:
    async with running() as world:
        case = await world.fires(signal("Down", level="P0"))
        before = len(world.told)
        await world.act(case, "reclassify", level="P2")
        await world.passes(3600)
        assert len(world.told) == before
        await world.passes(3600)

        assert len(world.told) > before


async def test_many_incidents_at_once_are_one_message_to_a_person_by_a_method() -> None:
    async with running() as world:
        await world.fires(*(signal(f"A{n}", at=n * 400) for n in range(30)))

        assert [page.number for page in world.phone.pages] == [30, 30, 30]
        assert {len(page.told) for page in world.phone.pages} == {20}
        assert all(case.incident.state == "notified" for case in world.open_cases)
