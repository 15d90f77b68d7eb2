"""What a scrape says of incidents."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from event_system.incidents.manager import IncidentManager, Options
from event_system.kernel.errors import ChannelError
from event_system.metrics.manager import MetricsManager
from event_system.node.incident_metrics import watch_incidents
from tests.support.incidents import MINUTE, PLAN, World, running, signal

OPTIONS = Options(PLAN, gap_us=0, hold_us=MINUTE, watchdog_us=10 * MINUTE)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running(OPTIONS) as world:
        yield world


def scraped(manager: IncidentManager | None) -> dict[str, float]:
    """By name and label values in the order of the labels' names."""
    metrics = MetricsManager()
    watch_incidents(metrics, lambda: manager)
    return {
        " ".join((name, *(value for _, value in labels))): value
        for (name, labels), value in metrics.samples()
        if name.startswith("incident")
    }


def numbers(world: World, name: str) -> dict[str, float]:
    """Those of one metric that are not 0."""
    found = scraped(world.manager).items()
    return {
        " ".join(rest): value
        for (first, *rest), value in ((key.split(), value) for key, value in found)
        if first == name and value
    }


async def test_incidents_are_counted_by_their_level_and_by_what_opened_and_ended_them(
    world: World,
) -> None:
    case = await world.fires(signal("A", service="x"), signal("B", service="x"))
    await world.act(case, "split", alerts=("fp-B",))
    await world.manager.beat()
    await world.passes(10 * 60)
    (split, watchdog) = (each for each in world.open_cases if each is not case)
    await world.ends("B", 600)
    await world.passes(60)
    await world.act(case, "resolve")

    assert numbers(world, "incidents_opened_total") == {
        "P1 alert": 1,
        "P1 operator": 1,
        "P0 watchdog": 1,
    }
    assert (split.incident.state, watchdog.incident.level) == ("recovered", "P0")
    assert numbers(world, "incidents_resolved_total") == {"P1 alert": 1, "P1 operator": 1}
    assert numbers(world, "incidents_open") == {"notified": 1}


async def test_the_states_that_none_has_are_told_as_0(world: World) -> None:
    found = scraped(world.manager)

    states = [name.split()[1] for name in found if name.startswith("incidents_open ")]
    assert sorted(states) == [
        *("acknowledged", "analysed", "classified", "mitigated", "notified", "triggered"),
    ]


async def test_the_first_answer_counts_and_each_end(world: World) -> None:
    case = await world.fires(signal("A"))
    await world.passes(90)
    await world.act(case, "acknowledge", "ann")
    await world.passes(60)
    await world.act(case, "acknowledge", "bob")
    await world.passes(30)
    await world.act(case, "resolve")
    await world.act(case, "reopen")
    await world.passes(7 * 60)
    await world.act(case, "acknowledge", "ann")
    await world.act(case, "resolve")

    acknowledged = numbers(world, "incident_acknowledge_seconds_bucket")
    ended = numbers(world, "incident_resolve_seconds_bucket")
    assert numbers(world, "incident_acknowledge_seconds_sum") == {"P1": 90}
    assert (acknowledged.get("60.0 P1"), acknowledged["120.0 P1"]) == (None, 1)
    assert numbers(world, "incident_resolve_seconds_sum") == {"P1": 180 + 600}
    assert (ended["300.0 P1"], ended["600.0 P1"], ended["+Inf P1"]) == (1, 2, 2)


async def test_messages_to_people_are_counted_by_what_became_of_them(world: World) -> None:
    world.phone.known = {"ann": ("sms",)}
    world.phone.faults = [ChannelError("away", may_pass=True), ChannelError("no", may_pass=False)]

    await world.fires(signal("A"))
    await world.passes(6)
    await world.fires(signal("B", at=6))

    assert numbers(world, "incident_pages_total") == {
        "sms retried": 1,
        "sms failed": 1,
        "sms sent": 2,  # where nobody was reached the next step comes at once
    }


def test_where_nobody_looks_after_incidents_nothing_is_told() -> None:
    assert scraped(None) == {}
