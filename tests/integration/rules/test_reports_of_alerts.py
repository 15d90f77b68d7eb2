"""What is told of an alert that was told before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from event_system.database.sqlite.records import SqliteRecords
from event_system.rules.model import AlertingRule, Group
from event_system.rules.texts import Place
from tests.support.rules_world import INTERVAL_MS, MINUTE_MS, World

RULES = Group("g", "file.yml", (AlertingRule("High", "x > 0", (), (("value", "{{ $value }}"),)),))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    records = SqliteRecords(tmp_path)
    world = World(records)
    yield world
    await world.runner.close()
    await records.close()


async def test_what_is_told_again_is_the_same_object_until_it_says_something_else(
    world: World,
) -> None:
    await world.begin(RULES)
    await world.evaluate(0, {"a": 1.0})
    await world.evaluate(2 * MINUTE_MS, {"a": 1.0})
    await world.evaluate(2 * MINUTE_MS, {"a": 2.0})
    first, again, other = world.told.take()

    assert first.labels is again.labels is other.labels
    assert first.annotations is again.annotations
    assert (again.value, other.value) == ("1", "2")
    assert [dict(each.annotations) for each in (again, other)] == [{"value": "1"}, {"value": "2"}]


async def test_the_place_of_the_node_is_told_as_it_is_by_now(world: World) -> None:
    await world.begin(RULES)
    await world.evaluate(0, {"a": 1.0})
    moved = Place({"region": "us"}, "http://other:8080")
    await world.runner.replace([RULES], INTERVAL_MS, moved)
    await world.evaluate(2 * MINUTE_MS, {"a": 1.0})
    before, after = world.told.take()

    assert (before.labels["region"], after.labels["region"]) == ("eu", "us")
    assert after.generator_url.startswith(moved.url)
