"""Silences that come again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_system.alerting.recurring import RecurringSilence, window
from event_system.kernel.clock import to_us
from event_system.kernel.errors import (
    AlertingFullError,
    InvalidMatcherError,
    InvalidSilenceError,
    SilenceNotFoundError,
)
from tests.support.alerting import NOW, SECOND
from tests.support.alerting_world import OPTIONS, World, running

HOUR = 3600 * SECOND
SUNDAYS = RecurringSilence(
    id="",
    rules=(("alertname", "=", "x"),),
    cron="0 2 * * 0",
    time_zone="Asia/Shanghai",
    duration_us=2 * HOUR,
    created_by="ops",
    comment="maintenance",
)
BEGINS_US = to_us(datetime(2026, 11, 21, 18, 0, tzinfo=UTC))  # Sunday 02:00 in Shanghai
FOREVER = 10_000_000
DAYS = ["2026-03-28", "2026-10-24", "2026-04-04", "2026-10-03", "2026-06-01"]
ZONES = ["UTC", "Asia/Shanghai", "Europe/Berlin", "Australia/Lord_Howe"]


def begins_us(day: date, minute: int, zone: ZoneInfo) -> int:
    """When a job at this minute of the day runs there, as Debian's cron has it."""
    naive = datetime.combine(day, time()) + timedelta(minutes=minute)
    moment = naive.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == naive:
        return to_us(moment)
    while (moment - timedelta(minutes=1)).astimezone(zone).replace(tzinfo=None) > naive:
        moment -= timedelta(minutes=1)  # the minute is left out: the job runs where the gap ends
    return to_us(moment)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(DAYS),
    st.integers(0, 1439),
    st.integers(1, 1439),
    st.lists(st.integers(0, 2 * 1440), max_size=8),
)
def test_a_window_holds_from_its_time_for_as_long_as_it_is_also_where_hands_are_turned(
    zone: str, first: str, minute: int, length: int, probes: list[int]
) -> None:
    cron = f"{minute % 60} {minute // 60} * * *"
    length_us = length * 60 * SECOND
    daily = msgspec.structs.replace(SUNDAYS, cron=cron, time_zone=zone, duration_us=length_us)
    day = date.fromisoformat(first)
    begin = [begins_us(day + timedelta(days=n), minute, ZoneInfo(zone)) for n in range(-2, 5)]

    start_us = to_us(datetime(day.year, day.month, day.day, tzinfo=UTC))
    for now_us in (begin[3], begin[3] - 1, *(start_us + m * 60 * SECOND for m in probes)):
        silence = window(daily, now_us)
        assert silence is not None
        holding = [us for us in begin if us <= now_us < us + length_us]
        expected = holding[:1] or [us for us in begin if us > now_us][:1]
        assert [silence.starts_us] == expected
        assert silence.ends_us - silence.starts_us == length_us


async def at(world: World, us: int) -> None:
    await world.passes((us - world.time.us) / SECOND)
    world.manager.sweep()


async def test_nothing_is_told_in_its_windows_and_all_is_told_between_them() -> None:
    async with running(options=replace(OPTIONS, repeat_interval_us=SECOND)) as world:
        await world.manager.silencing.set_recurring(SUNDAYS)
        assert world.manager.silences.all(NOW) == []
        await at(world, BEGINS_US - 60 * SECOND)
        [silence] = world.manager.silences.all(world.time.us)
        assert (silence.state(world.time.us), silence.starts_us) == ("pending", BEGINS_US)
        await world.passes(60)
        await world.report("x", ends=FOREVER)
        await world.settle()
        assert world.told == []
        await at(world, BEGINS_US + 2 * HOUR)
        assert world.told == [[("x", "firing")]]
        await at(world, BEGINS_US + 7 * 24 * HOUR - 120 * SECOND)
        told = len(world.told)
        await at(world, BEGINS_US + 7 * 24 * HOUR + 1)
        assert len(world.told) == told


async def test_what_a_window_is_at_the_moment_can_be_ended_and_stays_ended() -> None:
    async with running() as world:
        world.time.us = BEGINS_US + HOUR
        await world.manager.silencing.set_recurring(SUNDAYS)
        [silence] = world.manager.silences.all(world.time.us)
        await world.manager.expire_silence(silence.id)
        world.manager.sweep()
        await world.restart()

        [silence] = world.manager.silences.all(world.time.us)
        assert silence.state(world.time.us) == "expired"
        await at(world, BEGINS_US + 7 * 24 * HOUR)
        states = {each.state(world.time.us) for each in world.manager.silences.all(world.time.us)}
        assert "active" in states


async def test_a_restart_within_a_window_finds_it() -> None:
    async with running() as world:
        await world.manager.silencing.set_recurring(SUNDAYS)
        await world.manager.stop()
        world.time.us = BEGINS_US + HOUR
        world.manager = world.opened()
        await world.manager.start()
        await world.report("x", ends=FOREVER)
        await world.settle()

        assert world.told == []


async def test_a_changed_or_dropped_one_ends_what_it_is_at_the_moment() -> None:
    async with running() as world:
        world.time.us = BEGINS_US + HOUR
        silencing = world.manager.silencing
        id_ = await silencing.set_recurring(SUNDAYS)
        changed = msgspec.structs.replace(SUNDAYS, id=id_, rules=(("alertname", "=", "y"),))
        world.time.us += SECOND
        assert await silencing.set_recurring(changed) == id_
        labels = [{"alertname": name} for name in "xy"]
        held = [bool(silencing.silences.silencing(each, world.time.us)) for each in labels]
        assert held == [False, True]
        await silencing.drop_recurring(id_)
        await world.restart()

        assert not world.manager.silences.silencing(labels[1], world.time.us)
        assert world.manager.silencing.recurring.all() == []
        with pytest.raises(SilenceNotFoundError):
            await world.manager.silencing.drop_recurring(id_)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"cron": "sometimes"}, "cron"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"duration_us": 0}, "duration_seconds"),
        ({"duration_us": 32 * 24 * HOUR}, "duration_seconds"),
        ({"starts_us": 2, "ends_us": 1}, "starts_at"),
        ({"rules": (("a", "=~", ".*"),)}, "matchers"),
        ({"comment": "x" * 10_001}, "comment"),
    ],
)
async def test_what_cannot_come_again_is_refused_where_it_is_wrong(
    change: dict[str, object], where: str
) -> None:
    async with running() as world:
        with pytest.raises(InvalidSilenceError) as raised:
            await world.manager.silencing.set_recurring(msgspec.structs.replace(SUNDAYS, **change))
        assert raised.value.where == where
        bad = msgspec.structs.replace(SUNDAYS, rules=(("a", "=~", "("),))
        with pytest.raises(InvalidMatcherError):
            await world.manager.silencing.set_recurring(bad)


async def test_no_more_than_may_be_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("event_system.alerting.recurring.MAX_RECURRING", 1)
    async with running() as world:
        await world.manager.silencing.set_recurring(SUNDAYS)
        with pytest.raises(AlertingFullError):
            await world.manager.silencing.set_recurring(SUNDAYS)


def test_after_its_end_nothing_comes() -> None:
    last = msgspec.structs.replace(SUNDAYS, ends_us=BEGINS_US + 1)

    assert window(last, NOW) is not None
    assert window(last, BEGINS_US + 3 * HOUR) is None
