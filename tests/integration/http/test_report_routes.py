"""The reports of incidents over HTTP; it is noon on 18 November 2026 until a test moves the clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from event_system.incidents.manager import Options
from event_system.incidents.reports.objectives import Objective
from event_system.oncall.past import Past
from event_system.oncall.schedules import Schedule
from tests.support.incidents import DAY, HOUR, MINUTE, PLAN, SECOND, World, running, signal
from tests.support.memory_records import MemoryRecords
from tests.support.on_call import PLAN as ON_CALL
from tests.support.on_call import SHANGHAI, WEEKLY, on_call_for_tests
from tests.support.site import Site, serving

OBJECTIVE = Objective(service="api", objective=0.999, window_us=30 * DAY)
OPTIONS = Options(
    PLAN, gap_us=0, hold_us=0, retention_us=400 * DAY, objectives=(OBJECTIVE,), close_us=400 * DAY
)
TO_DECEMBER = 12.5 * DAY / SECOND
"""Seconds from the start to the end of November in UTC."""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running(OPTIONS) as world:
        yield world


@pytest.fixture
async def site(world: World) -> AsyncIterator[Site]:
    site = Site(clock=world.clock)
    site.incidents, site.on_call = world.manager, on_call_for_tests(world.clock)
    async with serving(site) as running:
        yield running


async def report(client: httpx.AsyncClient, month: str, **query: str) -> Any:
    answer = await client.get(f"/api/reports/monthly/{month}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _went_wrong(world: World, minutes: int = 10) -> str:
    """An incident that `ann` has answered after 4 minutes; the id."""
    case = await world.fires(signal("Down", service="api"))
    await world.passes(4 * 60)
    await world.act(case, "acknowledge")
    await world.passes((minutes - 4) * 60)
    await world.act(case, "resolve")
    return case.incident.id


async def test_a_month_is_told_with_its_figures_and_as_a_document(
    client: httpx.AsyncClient, world: World
) -> None:
    incident = await _went_wrong(world)
    path = f"/api/postmortems/{incident}"
    await client.post(path)
    for text, due in (("Grow the disk", "2026-11-25T00:00:00Z"), ("Talk", "")):
        await client.post(f"{path}/items", json={"text": text, "owner": "bob", "due": due})
    await client.put(f"{path}/items/2", json={"state": "done"})
    await client.post(f"{path}/items", json={"text": "Nonsense"})
    await client.put(f"{path}/items/3", json={"state": "dropped"})
    await world.passes(14 * 86_400)

    found = await report(client, "2026-11")

    figures = found["figures"]
    assert (found["final"], found["complete"]) == (True, True)
    assert (figures["incidents"], figures["by_level"]["P1"]) == (1, 1)
    assert (figures["mtta_seconds"], figures["mttr_seconds"]) == (240.0, 600.0)
    assert (figures["down_seconds"], figures["mtbf_seconds"]) == (600.0, 30 * 86_400 - 600.0)
    assert found["services"] == {"api": figures}
    assert [(each["incident"], each["seconds"]) for each in found["major"]] == [(incident, 600.0)]
    assert [each["name"] for each in found["top_alerts"]] == ["Down"]
    assert [(each["text"], each["overdue"]) for each in found["open_items"]] == [
        ("Grow the disk", True)
    ]
    assert found["done_items"] == 1
    (objective,) = found["objectives"]
    assert objective["budget_left"] == pytest.approx(1 - 600 / (30 * 86_400 * 0.001))
    assert objective["met"] is True
    load = {each["person"]: each for each in found["load"]}
    assert load["li"]["hours"] + load["wang"]["hours"] == pytest.approx(720)
    assert load["ann"] == {
        "person": "ann",
        "hours": 0.0,
        "pages": sum(person == "ann" for person, *_ in world.told),
        "acknowledged": 1,
    }
    assert "# Operations in 2026-11" in found["markdown"]
    assert "Not final" not in found["markdown"]
    chinese = await report(client, "2026-11", lang="zh")
    assert "# 2026-11 运维回顾" in chinese["markdown"]
    assert "## 关键事件" in chinese["markdown"]


async def test_an_incident_that_spans_months_is_of_the_first_and_down_in_both(
    client: httpx.AsyncClient, world: World
) -> None:
    case = await world.fires(signal("Down", service="api"))
    await world.passes(TO_DECEMBER + 36 * 3_600)
    before = await report(client, "2026-11")
    await world.act(case, "resolve")
    await world.passes(31 * 86_400)

    november, december = await report(client, "2026-11"), await report(client, "2026-12")

    assert (before["final"], november["final"]) == (False, True)
    assert before["major"][0]["open"]
    assert (november["figures"]["incidents"], december["figures"]["incidents"]) == (1, 0)
    assert november["figures"]["down_seconds"] == TO_DECEMBER
    assert december["figures"]["down_seconds"] == 36 * 3_600
    assert november["objectives"][0]["met"] is False
    assert december["major"] == []


async def test_a_month_goes_by_the_clocks_that_are_asked_for(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.passes(TO_DECEMBER - 3_600)
    at = int(TO_DECEMBER - 3_600)
    await world.fires(signal("Down", at=at, service="api"))

    in_utc = await report(client, "2026-11")
    in_shanghai = await report(client, "2026-11", zone="Asia/Shanghai")

    assert (in_utc["figures"]["incidents"], in_utc["time_zone"]) == (1, "UTC")
    assert (in_shanghai["figures"]["incidents"], in_shanghai["time_zone"]) == (0, "Asia/Shanghai")
    assert in_shanghai["end"] == "2026-11-30T16:00:00.000Z"


async def test_of_a_month_to_come_nothing_is_known(client: httpx.AsyncClient, world: World) -> None:
    await world.fires(signal("Down", service="api"))

    found = await report(client, "2027-05")

    assert (found["final"], found["figures"]["incidents"], found["load"]) == (False, 0, [])
    assert (found["figures"]["availability"], found["figures"]["mtbf_seconds"]) == (None, None)
    assert (found["objectives"][0]["reached"], found["objectives"][0]["met"]) == (None, None)
    assert "Not final" in found["markdown"]


async def test_a_month_before_the_first_incident_is_empty(
    client: httpx.AsyncClient, world: World
) -> None:
    path = f"/api/postmortems/{await _went_wrong(world)}"
    await client.post(path)
    await client.post(f"{path}/items", json={"text": "Grow the disk"})

    found = await report(client, "2026-03")

    assert (found["final"], found["complete"]) == (True, True)
    assert (found["figures"]["incidents"], found["services"], found["major"]) == (0, {}, [])
    assert found["open_items"] == []


async def test_a_report_says_where_incidents_are_not_kept_any_more(
    client: httpx.AsyncClient, site: Site, world: World
) -> None:
    past_retention = await report(client, "2025-09")
    await _went_wrong(world)
    world.manager.configure(replace(OPTIONS, max_closed=1, close_us=0))
    await world.passes(1)
    full = await report(client, "2026-10")
    world.manager.configure(replace(OPTIONS, max_closed=2))
    with_room = await report(client, "2026-10")

    assert (past_retention["complete"], full["complete"]) == (False, False)
    assert "Not whole" in full["markdown"]
    assert with_room["complete"] is True


async def test_without_any_incident_a_month_is_told_too(client: httpx.AsyncClient) -> None:
    found = await report(client, "2026-11")

    assert (found["figures"]["incidents"], found["figures"]["availability"]) == (0, 1.0)
    assert "| all | 0 |" in found["markdown"]


async def test_without_on_call_and_objectives_the_rest_is_told(
    client: httpx.AsyncClient, site: Site, world: World
) -> None:
    site.on_call = None
    world.manager.configure(replace(OPTIONS, objectives=()))

    found = await report(client, "2026-11")

    assert (found["objectives"], found["load"]) == ([], [])


@pytest.mark.parametrize(
    ("month", "query", "where"),
    [
        ("2026-13", {}, "month"),
        ("2026-1", {}, "month"),
        ("october", {}, "month"),
        ("1999-12", {}, "month"),
        ("2026-1\u0660", {}, "month"),
        ("2026-10", {"zone": "Mars/Olympus"}, "zone"),
        ("2026-10", {"zone": "../../etc/passwd"}, "zone"),
        ("2026-10", {"zone": "America"}, "zone"),
        ("2026-10", {"zone": ""}, "zone"),
        ("2026-10", {"lang": "fr"}, "lang"),
    ],
)
async def test_what_is_no_month_zone_or_language_is_refused(
    client: httpx.AsyncClient, month: str, query: dict[str, str], where: str
) -> None:
    answer = await client.get(f"/api/reports/monthly/{month}", params=query)

    told = answer.json()
    assert (answer.status_code, told["code"], told["where"]) == (400, "query.invalid", where)


async def test_a_node_without_incidents_has_no_reports(
    client: httpx.AsyncClient, site: Site
) -> None:
    site.incidents = None
    for path in ("monthly/2026-10", "objectives"):
        answer = await client.get(f"/api/reports/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "incident.disabled")


async def test_objectives_stand_as_incidents_have_it(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.fires(signal("Down", service="api"), signal("Slow", service="web"))
    await world.passes(9 * 60)

    (found,) = (await client.get("/api/reports/objectives")).json()["objectives"]

    used_us = 9 * MINUTE
    assert found["reached"] == pytest.approx(1 - used_us / (30 * DAY))
    assert found["burns"][0]["fires"] is True
    assert found["burns"][0]["long_rate"] == pytest.approx(used_us / HOUR / 0.001)


async def test_hours_on_call_are_those_of_the_schedules_as_they_were(
    client: httpx.AsyncClient, site: Site, world: World
) -> None:
    everyday = replace(WEEKLY, turns=(("li",),))
    before = replace(ON_CALL, schedules={"primary": Schedule("primary", SHANGHAI, (everyday,))})
    past = Past(MemoryRecords())
    await past.record(before, world.clock.us)
    await world.passes(2 * 86_400)
    after = replace(before, people={"anna": ON_CALL.people["anna"]}, schedules={})
    await past.record(after, world.clock.us)
    site.on_call = on_call_for_tests(world.clock, after, past)
    await world.passes(86_400)

    load = (await report(client, "2026-11"))["load"]

    assert [(each["person"], each["hours"]) for each in load] == [("li", 48.0)]
