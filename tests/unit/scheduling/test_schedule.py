from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_system.kernel.clock import to_us
from event_system.kernel.errors import InvalidScheduleError, MalformedBodyError
from event_system.scheduling.schedule import (
    MAX_CATCH_UP,
    Plan,
    Schedule,
    Template,
    as_json,
    check_name,
    decode_schedule,
    due_us,
    firing_after,
    firing_row,
    plan,
)

NAME = "cleanup"
NOON = to_us(datetime(2026, 11, 21, 12, tzinfo=UTC))
MINUTE, HOUR = 60_000_000, 3_600_000_000


def schedule(cron: str = "* * * * *", **members: Any) -> Schedule:
    return Schedule(cron=cron, event=Template("tick"), **members)


def fired(schedule: Schedule, first_us: int, *moments: int) -> list[int]:
    """All firings of a node that looks at these moments."""
    found: list[int] = []
    next_us: int | None = first_us
    for now_us in moments:
        if next_us is not None:
            planned = plan(NAME, schedule, next_us, now_us)
            found += planned.firings
            next_us = planned.next_us
    return found


def test_what_is_not_due_waits() -> None:
    assert plan(NAME, schedule(), NOON, NOON - 1) == Plan([], NOON)


@pytest.mark.parametrize("catch_up", ["skip", "one", "all"])
def test_a_firing_on_time_fires_whatever_is_made_up_for(catch_up: str) -> None:
    assert plan(NAME, schedule(catch_up=catch_up), NOON, NOON + 30) == Plan([NOON], NOON + MINUTE)


@pytest.mark.parametrize(
    ("catch_up", "firings"),
    [("skip", []), ("one", [5]), ("all", [0, 1, 2, 3, 4, 5])],
)
def test_missed_firings_are_made_up_for_as_it_says(catch_up: str, firings: list[int]) -> None:
    hourly = schedule("0 * * * *", catch_up=catch_up)

    planned = plan(NAME, hourly, NOON, NOON + 5 * HOUR + HOUR // 2)

    assert planned == Plan([NOON + n * HOUR for n in firings], NOON + 6 * HOUR)


def test_skipping_keeps_the_firing_whose_time_is_now() -> None:
    hourly = schedule("0 * * * *", catch_up="skip")

    assert plan(NAME, hourly, NOON, NOON + 3 * HOUR + 60_000_000).firings == [NOON + 3 * HOUR]
    assert plan(NAME, hourly, NOON, NOON + 3 * HOUR + 60_000_001).firings == []


def test_making_up_for_years_is_bounded_and_takes_the_newest() -> None:
    years = 5 * 366 * 24 * HOUR

    planned = plan(NAME, schedule(catch_up="all"), NOON, NOON + years)

    assert len(planned.firings) == MAX_CATCH_UP
    assert planned.firings[-1] == NOON + years
    assert planned.next_us == NOON + years + MINUTE


def test_after_the_end_nothing_follows() -> None:
    ending = schedule(end=datetime(2026, 11, 21, 12, 1, tzinfo=UTC), catch_up="all")

    assert plan(NAME, ending, NOON, NOON + HOUR) == Plan([NOON, NOON + MINUTE], None)


def test_a_schedule_that_is_off_fires_never() -> None:
    assert firing_after(schedule(enabled=False), NOON) is None


CRONS = st.sampled_from(["* * * * *", "*/7 * * * *", "0 */2 * * *", "30 2 * * *", "*/20 * * * * *"])


@given(CRONS, st.integers(0, 3600), st.integers(0, 48 * HOUR))
@settings(max_examples=100, deadline=None)
def test_jitter_is_bounded_and_the_same_each_time(cron: str, jitter: int, ahead: int) -> None:
    jittered = schedule(cron, jitter_seconds=jitter)
    first = firing_after(jittered, NOON + ahead)
    assert first is not None
    following = firing_after(jittered, first)
    assert following is not None

    due = due_us(NAME, jittered, first)

    assert first <= due <= first + jitter * 1_000_000
    assert due < following
    assert due == due_us(NAME, jittered, first)


@given(
    CRONS,
    st.integers(0, 3600),
    st.lists(st.integers(0, 3 * HOUR), max_size=15),
)
@settings(max_examples=100, deadline=None)
def test_every_moment_fires_once_whenever_the_node_looks(
    cron: str, jitter: int, waits: list[int]
) -> None:
    every = schedule(cron, jitter_seconds=jitter, catch_up="all")
    first = firing_after(every, NOON)
    assert first is not None
    end = NOON + 4 * HOUR
    looks = [now for now in (NOON + sum(waits[: n + 1]) for n in range(len(waits))) if now < end]

    found = fired(every, first, *looks, end)

    expected, us = [], first
    while due_us(NAME, every, us) <= end:
        expected.append(us)
        us = firing_after(every, us) or end + 1
    assert found == expected[-len(found) :]
    assert found == expected or len(expected) > MAX_CATCH_UP


@given(CRONS, st.lists(st.integers(-HOUR, HOUR), max_size=20))
@settings(max_examples=100, deadline=None)
def test_a_clock_that_jumps_fires_no_moment_twice(cron: str, jumps: list[int]) -> None:
    every = schedule(cron, catch_up="all")
    first = firing_after(every, NOON)
    assert first is not None

    found = fired(every, first, *(NOON + sum(jumps[: n + 1]) for n in range(len(jumps))))

    assert found == sorted(set(found))


def test_a_firing_is_an_event_with_an_id_of_its_own() -> None:
    template = Template("guild.tax", subject="g1", data=msgspec.Raw(b'{"rate":3}'))

    row = firing_row(NAME, template, NOON, received_us=NOON + 5, lanes=4)

    assert row[4:] == (
        *(row[1] % 4 if row[1] else None, "guild.tax", "schedule"),
        *("schedule:cleanup:2026-11-21T12:00:00.000Z", "g1", NOON, NOON + 5),
        *(None, None, None, b'{"rate":3}'),
    )


def test_a_definition_is_read_and_told_the_same() -> None:
    body = msgspec.json.encode(
        {
            "cron": "0 3 * * *",
            "time_zone": "Europe/Berlin",
            "event": {"type": "a.b", "source": "s", "subject": "x", "data": {"n": [1, None]}},
            "jitter_seconds": 60,
            "catch_up": "all",
            "enabled": False,
            "start": "2026-01-01T00:00:00.000Z",
            "end": None,
        }
    )

    told = msgspec.json.encode(as_json(decode_schedule(body)))

    assert msgspec.json.decode(told) == msgspec.json.decode(body)
    assert decode_schedule(told) == decode_schedule(body)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"cron": "61 * * * *"}, "$.cron"),
        ({"cron": None}, "$.cron"),
        ({"time_zone": "Mars"}, "$.time_zone"),
        ({"jitter_seconds": 3601}, "$.jitter_seconds"),
        ({"catch_up": "some"}, "$.catch_up"),
        ({"event": {}}, "$.event"),
        ({"event": {"type": "a", "subject": ""}}, "$.event.subject"),
        ({"start": "2026-01-01T00:00:00"}, "$.start"),
        ({"start": "9998-01-01T00:00:00Z"}, "$.start"),
        ({"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}, "$.end"),
        ({"crom": "x"}, "$"),
    ],
)
def test_a_faulty_definition_is_refused_with_its_place(change: dict[str, Any], where: str) -> None:
    body = {"cron": "* * * * *", "event": {"type": "a"}, **change}

    with pytest.raises(InvalidScheduleError) as error:
        decode_schedule(msgspec.json.encode(body))

    assert error.value.where == where


DEEP = b'{"event":{"type":"a","data":' + b"[" * 10_000


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", DEEP])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedBodyError):
        decode_schedule(body)


@pytest.mark.parametrize("name", ["a", "daily-tax", "guild.tax_2", "x" * 100])
def test_a_name_can_be(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "a.", "a b", "a/b", "ä", "x" * 101, "a\n"])
def test_a_name_cannot_be(name: str) -> None:
    with pytest.raises(InvalidScheduleError):
        check_name(name)
