from __future__ import annotations

from dataclasses import replace

import pytest

from event_system.incidents.manager import Options
from event_system.incidents.postmortem import Change, ItemChange
from event_system.kernel.errors import (
    ChannelError,
    IncidentChangedError,
    IncidentTransitionError,
)
from tests.support.incidents import MINUTE, PLAN, running, signal


async def test_closed_incidents_are_kept_compressed_and_as_many_as_may_be() -> None:
    options = replace(Options(PLAN, gap_us=0), max_closed=5, hold_us=0, close_us=0)
    async with running(options) as world:
        for n in range(8):
            at = n * 1000
            await world.fires(signal(f"A{n}", at=at, level="P2"))
            await world.act(world.case_of(f"fp-A{n}"), "resolve")
            await world.passes(120)
        await world.passes(120)
        await world.restart()

        assert [each.incident.title for each in world.manager.cases()] == [
            f"A{n} is wrong" for n in (7, 6, 5, 4, 3)
        ]
        number, size = world.manager.book.archived
        assert (number, size < 5 * 2_000) == (5, True)
        newest = world.manager.get("INC-20261118-0008")
        assert newest.alerts["fp-A7"].value == "42"


async def test_a_storm_of_alerts_is_one_incident_and_one_page_for_each_method() -> None:
    async with running() as world:
        storm = [signal(f"A{n}", at=n % 60, service="api", instance=f"i{n}") for n in range(3_000)]
        case = await world.fires(*storm)

        assert len(world.open_cases) == 1
        assert len(case.alerts) == case.firing == 3_000
        assert sum(bool(each.labels) for each in case.alerts.values()) == 500
        assert len(world.phone.pages) == 3
        assert len(case.timeline) < 100
        await world.manager.receive(
            [signal(f"A{n}", ends=100, service="api") for n in range(3_000)]
        )
        await world.act(case, "acknowledge")
        await world.passes(600)
        assert case.incident.state == "recovered"


# -- the dead-man's switch


async def test_a_watchdog_that_is_not_heard_opens_a_p0_and_its_return_ends_it() -> None:
    options = replace(Options(PLAN, gap_us=0), watchdog_us=5 * MINUTE)
    async with running(options) as world:
        await world.passes(299)
        assert world.open_cases == []
        await world.manager.beat()
        await world.passes(299)
        assert world.open_cases == []
        await world.passes(1)
        (case,) = world.open_cases
        assert (case.incident.level, case.incident.service) == ("P0", "alerting")
        assert world.told
        await world.manager.beat()
        await world.act(case, "acknowledge")
        await world.passes(240)
        await world.manager.beat()
        await world.passes(60)

        assert case.incident.state == "recovered"


# -- postmortems


async def test_a_postmortem_is_prefilled_and_its_overdue_items_are_reminded_daily() -> None:
    async with running() as world:
        case = await world.fires(signal("Down", level="P0"))
        await world.act(case, "acknowledge")
        id_ = case.incident.id
        with pytest.raises(IncidentTransitionError):
            await world.manager.start_postmortem(id_, "ann", "en")
        await world.act(case, "resolve", text="a <b>new</b> | disk")
        made = await world.manager.start_postmortem(id_, "ann", "zh")
        assert "## 根本原因" in made.markdown
        assert "a &lt;b>new&lt;/b> \\| disk" in made.markdown
        due_us = world.clock.us + 60 * MINUTE
        change = _item(text="buy a disk", owner="cid", due_us=due_us)
        changed = await world.manager.change_postmortem(id_, "ann", change)
        with pytest.raises(IncidentChangedError):
            await world.manager.change_postmortem(id_, "bob", replace_version(change, 1))
        await world.passes(3599)
        assert "action_item" not in {why for _, _, why in world.told}
        await world.passes(1)
        await world.passes(60)
        await world.restart()
        await world.settle()
        assert [each for each in world.told if each[2] == "action_item"] == [
            ("cid", "email", "action_item")
        ]
        await world.passes(86_400)
        assert len([each for each in world.told if each[2] == "action_item"]) == 2
        done = _item(id=changed.items[0].id, state="done")
        await world.manager.change_postmortem(id_, "cid", done)
        await world.passes(2 * 86_400)

        assert len([each for each in world.told if each[2] == "action_item"]) == 2
        assert world.manager.get(id_).incident.postmortem == id_


async def test_a_failed_page_is_counted() -> None:
    async with running() as world:
        world.phone.known["ann"] = ("sms",)
        world.phone.faults = [ChannelError("no"), ChannelError("no")]
        await world.fires(signal("Slow"))

        assert world.manager.pages["sms", "failed"] >= 1


def _item(**members: object) -> Change:
    return Change(item=ItemChange(**members))  # type: ignore[arg-type]


def replace_version(change: Change, version: int) -> Change:
    return Change(item=change.item, version=version)
