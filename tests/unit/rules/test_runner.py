"""Which moments a group is evaluated at, whatever its clock does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from event_system.rules.group_run import AFTER_ROUND_MS, GroupRun
from event_system.rules.model import Group
from event_system.rules.texts import Place

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
NOW_MS = 10_000 * HOUR_MS


def run() -> GroupRun:
    return GroupRun(Group("g", "f", ()), MINUTE_MS)


def test_turns_come_one_after_the_other_and_each_once() -> None:
    group = run()
    first = group.take_turn(NOW_MS)
    assert first is not None

    assert group.take_turn(first + 1) is None
    assert group.take_turn(first + MINUTE_MS - 1) is None
    assert group.take_turn(first + MINUTE_MS) == first + MINUTE_MS
    assert (group.turns, group.missed) == (1, 0)


def test_turns_that_an_evaluation_outlasted_are_counted() -> None:
    group = run()
    first = group.take_turn(NOW_MS)
    assert first is not None

    assert group.take_turn(first + 3 * MINUTE_MS + 5) == first + 3 * MINUTE_MS
    assert (group.turns, group.missed) == (3, 2)


def test_a_clock_that_is_set_back_leads_back_with_it() -> None:
    group = run()
    first = group.take_turn(NOW_MS)
    assert first is not None

    assert group.take_turn(first - 3 * HOUR_MS) == first - 3 * HOUR_MS
    assert group.take_turn(first - 3 * HOUR_MS + MINUTE_MS) == first - 3 * HOUR_MS + MINUTE_MS


@given(st.integers(0, 10**14))
def test_the_wait_is_never_longer_than_the_interval(now_ms: int) -> None:
    assert 0 < run().next_ms(now_ms) - now_ms <= MINUTE_MS


def test_a_group_that_is_evaluated_as_often_as_samples_come_is_so_just_after_them() -> None:
    group = Group("g", "f", ())
    often = GroupRun(group, MINUTE_MS, Place(rounds_ms=MINUTE_MS))
    rare = GroupRun(group, MINUTE_MS, Place(rounds_ms=MINUTE_MS - 1))

    assert often.next_ms(NOW_MS) == NOW_MS + AFTER_ROUND_MS
    assert rare.next_ms(NOW_MS) == run().next_ms(NOW_MS) != often.next_ms(NOW_MS)
