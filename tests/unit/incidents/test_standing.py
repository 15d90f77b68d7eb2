"""Objectives that are looked at again and again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import msgspec
import pytest

from event_system.incidents.manager import Options
from event_system.incidents.reports.objectives import Objective, ObjectiveState
from event_system.incidents.reports.standing import Standing
from event_system.metrics.manager import MetricsManager
from event_system.node.incident_metrics import watch_objectives
from tests.support.incidents import DAY, HOUR, MINUTE, PLAN, World, running, signal

WEEK = Objective(service="api", objective=0.9, window_us=7 * DAY)
MONTH = Objective(service="api", objective=0.99, window_us=30 * DAY)
OTHER = Objective(service="web", objective=0.99, window_us=36 * HOUR)
OPTIONS = Options(PLAN, gap_us=0, hold_us=MINUTE, close_us=HOUR, objectives=(WEEK, MONTH, OTHER))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running(OPTIONS) as world:
        yield world


async def looked(standing: Standing, world: World) -> list[ObjectiveState]:
    await standing.look(world.manager, world.clock.us)
    return list(standing.states)


async def down_for(world: World, service: str, minutes: int) -> None:
    case = await world.fires(signal(f"Down-{world.clock.us}", level="P1", service=service))
    await world.passes(minutes * 60)
    await world.act(case, "resolve")


async def test_incidents_use_the_budget_up_while_they_are_open_and_after_they_have_closed(
    world: World,
) -> None:
    standing = Standing()
    await down_for(world, "api", 504)  # half of the budget of a week
    open_ = await looked(standing, world)
    await world.passes(2 * 3600)
    closed = await looked(standing, world)
    again = await looked(standing, world)

    assert world.manager.book.archived[0] == 1
    for states in (open_, closed, again):
        assert states[0].budget_left == pytest.approx(0.5, abs=0.01)
        assert states[2].budget_left == 1


async def test_other_objectives_count_what_has_closed_before(world: World) -> None:
    standing = Standing()
    await down_for(world, "shop", 60)
    await world.passes(2 * 3600)
    await looked(standing, world)
    shop = msgspec.structs.replace(WEEK, service="shop")
    world.manager.configure(Options(PLAN, objectives=(shop,)))

    [state] = await looked(standing, world)

    assert world.manager.book.archived[0] == 1
    assert state.budget_left is not None
    assert state.budget_left < 0.99


async def test_without_objectives_nothing_is_told(world: World) -> None:
    standing = Standing()
    await looked(standing, world)
    world.manager.configure(Options(PLAN))

    assert await looked(standing, world) == []


async def test_a_scrape_tells_what_is_left_and_how_fast_it_burns(world: World) -> None:
    standing = Standing()
    await down_for(world, "api", 30)
    await looked(standing, world)
    series = scraped(standing)

    assert series["slo_objective_ratio", "api", "7d"] == 0.9
    assert series["slo_window_seconds", "web", "36h"] == 36 * 3600
    assert series["slo_error_budget_left_ratio", "api", "7d"] == pytest.approx(1 - 0.5 / 16.8)
    assert series["slo_error_budget_burn_rate", "5m", "api", "7d"] == pytest.approx(10)
    assert series["slo_error_budget_burn_rate", "1h", "api", "30d"] == pytest.approx(50)
    overs = {labels[1] for labels in series if labels[0] == "slo_error_budget_burn_rate"}
    assert overs == {"5m", "30m", "1h", "6h", "3d"}


def scraped(standing: Standing) -> Mapping[tuple[str, ...], float]:
    """By name and label values in the order of the labels' names."""
    metrics = MetricsManager()
    watch_objectives(metrics, lambda: standing.states)
    return {
        (name, *(value for _, value in labels)): value
        for (name, labels), value in metrics.samples()
        if name.startswith("slo_")
    }
