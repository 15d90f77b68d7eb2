"""Pauses between starts of a process that ends again and again."""

from __future__ import annotations

from event_system.workers.falls import LONGEST_PAUSE_SECONDS, STEADY_SECONDS, Falls


def after(*ready_seconds: float) -> Falls:
    falls = Falls()
    for seconds in ready_seconds:
        falls.note(seconds)
    return falls


def test_after_the_first_fall_nobody_waits() -> None:
    assert [after().pause_seconds, after(0.0).pause_seconds] == [0, 0]


def test_pauses_grow_up_to_the_longest() -> None:
    pauses = [after(*[0.0] * number).pause_seconds for number in range(2, 100)]

    assert pauses[:3] == [0.1, 0.2, 0.4]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_a_process_that_was_ready_for_long_begins_the_row_anew() -> None:
    assert after(0.0, 0.0, 0.0, STEADY_SECONDS).in_a_row == 1


def test_three_in_a_row_are_a_loop_until_one_is_steady() -> None:
    assert not after(0.0, 0.0).loop(0.0)
    assert after(0.0, 0.0, 0.0).loop(1.0)
    assert not after(0.0, 0.0, 0.0).loop(STEADY_SECONDS)
