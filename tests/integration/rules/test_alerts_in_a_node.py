"""Alerts on their way: what is stored, what is told and when, and what a restart finds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from event_system.database.sqlite.records import SqliteRecords
from event_system.kernel.errors import LeaseLostError, StorageError
from event_system.kernel.records import Changes
from event_system.promql.ports import Labels
from event_system.rules.alerts import RESOLVED_KEPT_MS, Alert
from event_system.rules.keeping import KIND
from event_system.rules.model import AlertingRule, Group, RecordingRule, Rule
from event_system.rules.ports import AlertReport
from tests.support.rules_world import HOUR_MS, INTERVAL_MS, MINUTE_MS, PLACE, SECOND_MS, World

THERE = {"a": 1.0}
GONE = {"a": 0.0}
LABELS: Labels = (("alertname", "High"), ("row", "a"))


class Storing(SqliteRecords):
    """Counts what is saved, and fails while it is told to."""

    saved = 0
    error: StorageError | None = None

    async def save(self, changes: Changes) -> None:
        if self.error is not None:
            raise self.error
        self.saved += sum(map(len, changes.values()))
        await super().save(changes)


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Storing]:
    records = Storing(tmp_path)
    yield records
    await records.close()


@pytest.fixture
async def world(records: Storing) -> AsyncIterator[World]:
    world = World(records)
    yield world
    await world.runner.close()


def high(for_ms: int = 0, keep_ms: int = 0, query: str = "x > 0") -> AlertingRule:
    return AlertingRule("High", query, (), (("value", "{{ $value }}"),), for_ms, keep_ms)


def group(*rules: Rule, limit: int = 0, name: str = "g") -> Group:
    return Group(name, "file.yml", rules, limit=limit)


def states(alerts: Mapping[Labels, Alert]) -> list[str]:
    return [alert.state for alert in alerts.values()]


def ends(reports: list[AlertReport], world: World) -> list[bool]:
    """Of each report, whether it is one of an end."""
    return [report.ends_us <= world.clock.us for report in reports]


async def restarted(world: World, *groups: Group) -> None:
    await world.kill()
    world.told.take()
    await world.begin(*groups)


# -- what is told


async def test_an_alert_is_told_once_it_fires_and_again_every_minute(world: World) -> None:
    await world.begin(group(high(for_ms=30 * SECOND_MS)))

    assert states(await world.evaluate(0, THERE)) == ["pending"]
    assert world.told.take() == []
    assert states(await world.evaluate(30 * SECOND_MS, THERE)) == ["firing"]
    (first,) = world.told.take()
    await world.evaluate(MINUTE_MS, {"a": 2.0})
    assert world.told.take() == []
    await world.evaluate(1, {"a": 2.0})
    (again,) = world.told.take()

    assert first.labels == {"alertname": "High", "row": "a", "region": "eu"}
    assert (first.value, again.value) == ("1", "2")
    assert (first.annotations, again.annotations) == ({"value": "1"}, {"value": "2"})
    assert first.starts_us == again.starts_us == world.clock.us - (MINUTE_MS + 1) * 1000
    assert first.generator_url == f"{PLACE.url}/graph?g0.expr=x+%3E+0&g0.tab=1"


async def test_it_counts_as_firing_for_four_intervals(world: World) -> None:
    await world.begin(group(high()))

    await world.evaluate(0, THERE)

    (report,) = world.told.take()
    assert report.ends_us == world.clock.us + 4 * INTERVAL_MS * 1000


async def test_its_end_is_told_at_once_and_again_for_15_minutes(world: World) -> None:
    await world.begin(group(high()))
    await world.evaluate(0, THERE)
    world.told.take()

    assert states(await world.evaluate(SECOND_MS, GONE)) == ["resolved"]
    (end,) = world.told.take()
    assert end.ends_us == world.clock.us
    told = 0
    for _ in range(30):
        await world.evaluate(MINUTE_MS, GONE)
        told += len(world.told.take())

    assert told == 7  # more than a minute has to have passed since the last time
    assert world.alerts() == {}
    assert await world.records.load(KIND) == {}


async def test_an_alert_that_comes_back_begins_anew(world: World) -> None:
    await world.begin(group(high()))
    await world.evaluate(0, THERE)
    await world.evaluate(SECOND_MS, GONE)
    world.told.take()

    await world.evaluate(SECOND_MS, THERE)

    (report,) = world.told.take()
    assert report.starts_us == world.clock.us


async def test_alerts_that_nobody_took_are_told_with_the_next_evaluation(world: World) -> None:
    await world.begin(group(high()))
    world.told.error = StorageError("nobody is there")
    await world.evaluate(0, THERE)
    await world.evaluate(SECOND_MS, GONE)
    world.told.error = None

    await world.evaluate(SECOND_MS, GONE)

    assert ends(world.told.take(), world) == [True]


async def test_a_query_without_an_answer_ends_nothing(world: World) -> None:
    await world.begin(group(high()))
    await world.evaluate(0, THERE)
    world.told.take()
    world.is_down = True

    alerts = await world.evaluate(6 * MINUTE_MS)

    assert states(alerts) == ["firing"]
    assert world.runner.runs[0].state.rules[0].error is not None
    assert ends(world.told.take(), world) == [False]


async def test_more_alerts_than_the_groups_limit_are_none(world: World) -> None:
    await world.begin(group(high(), limit=1))
    await world.evaluate(0, THERE)

    alerts = await world.evaluate(SECOND_MS, {"a": 1.0, "b": 1.0})

    assert alerts == {}
    assert "exceeded limit of 1 with 2 alerts" in str(world.runner.runs[0].state.rules[0].error)


async def test_alerts_are_series_until_they_end(world: World) -> None:
    await world.begin(group(high(for_ms=MINUTE_MS), RecordingRule("alerts", "count(ALERTS)")))

    def shown() -> list[tuple[str, float]]:
        found = world.ask('{__name__=~"ALERTS.*"}', world.now_ms).series
        return [
            (labels.get("alertstate", labels["__name__"]), float(each.values[-1]))
            for each in found
            for labels in [dict(each.labels)]
        ]

    await world.evaluate(0, THERE)
    since = world.now_ms // 1000
    assert sorted(shown()) == [("ALERTS_FOR_STATE", since), ("pending", 1.0)]
    await world.evaluate(MINUTE_MS, THERE)
    assert sorted(shown()) == [("ALERTS_FOR_STATE", since), ("firing", 1.0)]
    await world.evaluate(MINUTE_MS, GONE)
    assert shown() == []


# -- what is stored


async def test_only_a_change_of_state_is_stored(world: World, records: Storing) -> None:
    await world.begin(group(high(for_ms=MINUTE_MS, keep_ms=MINUTE_MS)))
    counted = []
    for after_ms, rows in ((0, THERE), (30_000, THERE), (30_000, THERE), (30_000, {"a": 5.0})):
        await world.evaluate(after_ms, rows)
        counted.append(records.saved)
    for after_ms in (1_000, 1_000, 59_000, 30_000):
        await world.evaluate(after_ms, GONE)
        counted.append(records.saved)

    assert counted == [1, 1, 2, 2, 3, 3, 4, 4]  # pending, firing, held, resolved


async def test_alerts_are_told_although_the_disk_is_full_and_stored_later(
    world: World, records: Storing
) -> None:
    await world.begin(group(high()))
    records.error = StorageError("disk full")
    await world.evaluate(0, THERE)
    assert len(world.told.take()) == 1
    records.error = None
    await world.evaluate(SECOND_MS, THERE)

    await restarted(world, group(high()))

    assert states(world.alerts()) == ["firing"]


async def test_who_has_lost_the_task_tells_nothing(world: World, records: Storing) -> None:
    await world.begin(group(high()))
    records.error = LeaseLostError("another has it")

    await world.evaluate(0, THERE)

    assert world.told.take() == []


# -- what a restart finds


@pytest.mark.parametrize("outage_ms", [0, SECOND_MS, 10 * MINUTE_MS, 30 * HOUR_MS])
async def test_a_pending_alert_goes_on_pending(world: World, outage_ms: int) -> None:
    rule = high(for_ms=5 * SECOND_MS)
    await world.begin(group(rule))
    await world.evaluate(0, THERE)
    await world.evaluate(SECOND_MS, THERE)
    began_ms = world.now_ms - SECOND_MS

    await restarted(world, group(rule))
    after = await world.evaluate(outage_ms, THERE)

    assert after[LABELS].active_ms == began_ms
    assert states(after) == ["firing" if outage_ms >= 4 * SECOND_MS else "pending"]
    assert states(await world.evaluate(4 * SECOND_MS, THERE)) == ["firing"]


@pytest.mark.parametrize("outage_ms", [0, 10 * MINUTE_MS, 30 * HOUR_MS])
async def test_a_firing_alert_fires_on_since_it_did(world: World, outage_ms: int) -> None:
    await world.begin(group(high()))
    await world.evaluate(0, THERE)
    began_us = world.clock.us

    await restarted(world, group(high()))
    after = await world.evaluate(outage_ms, THERE)

    assert states(after) == ["firing"]
    (report,) = world.told.take()
    assert report.starts_us == began_us


async def test_a_held_alert_is_held_for_the_rest_of_its_time(world: World) -> None:
    rule = high(keep_ms=10 * SECOND_MS)
    await world.begin(group(rule))
    await world.evaluate(0, THERE)
    await world.evaluate(SECOND_MS, GONE)
    assert states(world.alerts()) == ["firing"]

    await restarted(world, group(rule))
    for _ in range(2):  # in which no alert ends
        assert states(await world.evaluate(4 * SECOND_MS, GONE)) == ["firing"]
    assert states(await world.evaluate(SECOND_MS, GONE)) == ["firing"]
    assert states(await world.evaluate(SECOND_MS, GONE)) == ["resolved"]


async def test_an_end_is_told_after_a_restart_too_and_no_longer_than_it_would_be(
    world: World,
) -> None:
    await world.begin(group(high()))
    await world.evaluate(0, THERE)
    await world.evaluate(SECOND_MS, GONE)
    ended_us = world.clock.us

    await restarted(world, group(high()))
    await world.evaluate(MINUTE_MS, GONE)
    assert [report.ends_us for report in world.told.take()] == [ended_us]
    await restarted(world, group(high()))
    await world.evaluate(RESOLVED_KEPT_MS, GONE)

    assert world.told.take() == []
    assert await world.records.load(KIND) == {}


async def test_a_gap_in_the_series_after_a_start_ends_no_alert(world: World) -> None:
    await world.begin(group(high()))
    await world.evaluate(0, THERE)

    await restarted(world, group(high()))

    assert states(await world.evaluate(HOUR_MS)) == ["firing"]
    assert states(await world.evaluate(SECOND_MS, THERE)) == ["firing"]
    assert states(await world.evaluate(SECOND_MS, GONE)) == ["resolved"]
    assert ends(world.told.take(), world)[-1]


@pytest.mark.parametrize("moved_ms", [-30 * HOUR_MS, -SECOND_MS, 30 * HOUR_MS])
async def test_a_clock_that_was_moved_meanwhile_leaves_no_alert_behind(
    world: World, moved_ms: int
) -> None:
    rule = high(for_ms=MINUTE_MS, keep_ms=MINUTE_MS)
    await world.begin(group(rule))
    await world.evaluate(0, THERE)
    await world.kill()
    world.clock.us += moved_ms * 1000
    await world.begin(group(rule))

    await world.evaluate(0, THERE)
    assert states(await world.evaluate(MINUTE_MS, THERE)) == ["firing"]
    (report, *_) = world.told.take()
    assert report.starts_us <= world.clock.us < report.ends_us
    await world.evaluate(SECOND_MS, GONE)
    assert states(await world.evaluate(MINUTE_MS, GONE)) == ["resolved"]
    assert ends(world.told.take(), world)[-1]


async def test_a_rule_that_was_changed_meanwhile_begins_anew(world: World) -> None:
    await world.begin(group(high(for_ms=MINUTE_MS)))
    await world.evaluate(0, THERE)
    await world.evaluate(MINUTE_MS, THERE)

    changed = group(high(for_ms=MINUTE_MS, query="x > 0.5"))
    await restarted(world, changed)
    await world.evaluate(SECOND_MS, THERE)

    assert states(world.alerts()) == ["pending"]
    await world.runner.replace([changed], INTERVAL_MS, PLACE)  # by then the old end is told
    assert ends(world.told.take(), world) == [True]


# -- other rules while it runs


async def test_groups_that_are_the_same_go_on_untouched(world: World) -> None:
    await world.begin(group(high(), name="same"), group(high(), name="other"))
    await world.evaluate(0, THERE)
    same = world.runner.runs[0]

    await world.runner.replace(
        [group(high(for_ms=1), name="other"), group(high(), name="same")], INTERVAL_MS, PLACE
    )

    assert world.runner.runs[1] is same
    assert states(same.state.rules[0].alerts) == ["firing"]
    assert world.runner.runs[0].state.rules[0].alerts == {}


async def test_a_rule_that_stays_keeps_its_alerts_in_a_group_that_changes(world: World) -> None:
    await world.begin(group(high(for_ms=MINUTE_MS)))
    await world.evaluate(0, THERE)

    other = AlertingRule("Other", "x > 100")
    await world.runner.replace([group(other, high(for_ms=MINUTE_MS))], INTERVAL_MS, PLACE)

    assert states(await world.evaluate(MINUTE_MS, THERE)) == ["firing"]


async def test_the_alerts_of_rules_that_are_taken_out_end(world: World) -> None:
    await world.begin(group(high(), RecordingRule("copy", "x")))
    await world.evaluate(0, THERE)
    world.told.take()

    await world.runner.replace([], INTERVAL_MS, PLACE)

    assert ends(world.told.take(), world) == [True]
    assert [dict(s.labels)["__name__"] for s in world.ask('{row="a"}', world.now_ms).series] == [
        "x"
    ]
    await restarted(world)
    await world.runner.replace([], INTERVAL_MS, PLACE)
    assert ends(world.told.take(), world) == [True]  # whoever had not heard of it has now


async def test_a_rule_that_comes_back_goes_on_with_its_end(world: World) -> None:
    await world.begin(group(high()))
    await world.evaluate(0, THERE)
    await world.runner.replace([], INTERVAL_MS, PLACE)

    await world.runner.replace([group(high())], INTERVAL_MS, PLACE)

    assert states(world.alerts()) == ["resolved"]
    assert states(await world.evaluate(SECOND_MS, THERE)) == ["firing"]
    assert len(await world.records.load(KIND)) == 1
