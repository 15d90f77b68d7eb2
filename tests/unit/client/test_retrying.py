from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.client.retrying import (
    FAULT_TRIES,
    FIRST_PAUSE,
    LONGEST_ASKED,
    LONGEST_PAUSE,
    Retries,
    asked_seconds,
)

NOW_US = 1_795_000_000_000_000


class StandingClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_us(self) -> int:
        return NOW_US + int(self.seconds * 1e6)

    def monotonic(self) -> float:
        return self.seconds


def most(count: int) -> bytes:
    return b"\xff" * count


def retries(clock: StandingClock | None = None, retry_for: float = 1e9) -> Retries:
    return Retries(clock or StandingClock(), most, retry_for)


def test_pauses_double_up_to_the_longest() -> None:
    tries = retries()

    pauses = [tries.pause() or 0.0 for _ in range(12)]

    assert pauses[:4] == pytest.approx([FIRST_PAUSE * 2**n for n in range(4)])
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE)


def test_a_pause_is_jittered_down_to_nothing() -> None:
    assert Retries(StandingClock(), bytes, 1.0).pause() == 0.0


def test_thousands_of_tries_overflow_nothing() -> None:
    tries = retries()

    assert all((tries.pause() or 0) <= LONGEST_PAUSE for _ in range(5_000))


@pytest.mark.parametrize("status", [408, 425, 429, 502, 503, 504])
def test_a_status_that_passes_is_tried_again(status: int) -> None:
    assert retries().pause(status) is not None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 413, 415, 422, 501, 505])
def test_a_status_that_stays_is_told_at_once(status: int) -> None:
    assert retries().pause(status) is None


def test_a_fault_of_the_node_is_tried_a_few_times_only() -> None:
    tries = retries()

    tried = [tries.pause(500) is not None for _ in range(FAULT_TRIES)]

    assert tried == [True] * (FAULT_TRIES - 1) + [False]


def test_no_pause_reaches_beyond_the_time_there_is() -> None:
    clock = StandingClock()
    tries = retries(clock, retry_for=5.0)
    assert tries.pause(503, "4") is not None

    clock.seconds = 4.5

    assert tries.pause(503, "4") is None


def test_a_success_in_between_gives_new_time_and_short_pauses() -> None:
    clock = StandingClock()
    tries = retries(clock, retry_for=5.0)
    for _ in range(3):
        tries.pause()
    clock.seconds = 60.0
    assert tries.pause() is None

    tries.restart()

    assert tries.pause() == pytest.approx(FIRST_PAUSE)


def test_the_time_that_is_asked_for_is_waited() -> None:
    pause = retries().pause(503, "7")

    assert pause is not None
    assert 7.0 <= pause <= 7.0 + FIRST_PAUSE


def test_a_time_that_nobody_would_wait_is_cut() -> None:
    pause = retries().pause(503, "999999999")

    assert pause is not None
    assert pause <= LONGEST_ASKED + FIRST_PAUSE


def test_a_date_is_understood() -> None:
    assert asked_seconds(formatdate(NOW_US / 1e6 + 30, usegmt=True), NOW_US) == 30.0
    assert asked_seconds(formatdate(NOW_US / 1e6 - 30, usegmt=True), NOW_US) == 0.0
    assert asked_seconds("Sat, 14 Nov 2026 17:46:40", NOW_US) >= 0.0


@given(st.text())
def test_whatever_a_header_says_it_is_a_time(text: str) -> None:
    assert asked_seconds(text, NOW_US) >= 0.0
