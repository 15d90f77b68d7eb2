"""What incidents say of themselves where people do not hear of them."""

from __future__ import annotations

from event_system.incidents.actions import Request
from event_system.incidents.trouble import trouble_of
from event_system.kernel.errors import ChannelError
from tests.support.incidents import running, signal

WHY = "`event-system incidents show ID` says why"


async def test_pages_that_are_refused_are_told_until_one_is_taken() -> None:
    async with running() as world:
        world.phone.known = {"ann": ("email",)}
        world.phone.faults = [ChannelError("away", may_pass=True) for _ in range(100)]
        await world.fires(signal("Down", level="P0"))
        first = world.manager.trouble()
        await world.passes(290)
        before = world.manager.trouble()
        await world.passes(300)
        told = world.manager.trouble()
        world.phone.faults = []
        await world.passes(600)

        assert (first, before) == ("", "")
        assert told == f"pages by email do not reach one target: {WHY}"
        assert world.manager.trouble() == ""


async def test_a_page_that_was_given_up_is_told_for_an_hour() -> None:
    async with running() as world:
        world.phone.known = {"ann": ("email", "sms")}
        world.phone.faults = [ChannelError("no such number")]
        case = await world.fires(signal("Down", level="P0"))
        told = world.manager.trouble()
        await world.manager.act(case.incident.id, "resolve", "ann", Request())
        await world.passes(3_590)
        still = world.manager.trouble()
        await world.passes(20)

        assert told.startswith("pages by ")
        assert told.endswith(f" do not reach one target: {WHY}")
        assert still == told
        assert world.manager.trouble() == ""


async def test_an_incident_that_nobody_was_told_of_is_a_trouble_until_somebody_answers() -> None:
    async with running() as world:
        world.phone.known = {"ann": ("email",)}
        world.phone.faults = [ChannelError("no such address") for _ in range(9)]
        case = await world.fires(signal("Down", level="P0"))
        await world.restart()
        told = world.manager.trouble()
        await world.manager.act(case.incident.id, "acknowledge", "ann", Request())

        assert told == f"nobody could be told of an open incident: {WHY}"
        assert world.manager.trouble() == ""


async def test_what_ends_before_it_was_told_is_no_trouble() -> None:
    async with running() as world:
        world.phone.faults = [ChannelError("away", may_pass=True) for _ in range(1_000)]
        case = await world.fires(signal("Down", level="P0"))
        await world.passes(600)
        assert world.manager.trouble() != ""

        await world.manager.act(case.incident.id, "resolve", "ann", Request())
        await world.settle()

        assert world.manager.trouble() == ""


def test_many_are_counted_and_nobody_is_named() -> None:
    ways = [(f"person:{name}", method) for name in ("ann", "bob") for method in ("sms", "email")]

    told = trouble_of(ways, 3)

    assert told == (
        f"pages by email, sms do not reach 2 targets: {WHY}; "
        f"nobody could be told of 3 open incidents: {WHY}"
    )
