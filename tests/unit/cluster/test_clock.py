"""A clock that a better one corrects."""

from __future__ import annotations

import logging
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.cluster.clock import PACE, SECOND_US, ClusterClock

START_US = 1_795_000_000 * SECOND_US
ROUNDING_US = 3
MINUTES_US = 5 * 60 * SECOND_US


class Machine:
    """A clock that is wrong by `wrong_us`; `us` is the true time since the start."""

    def __init__(self, wrong_us: int = 0) -> None:
        self.us = 0
        self.wrong_us = wrong_us

    @property
    def true_us(self) -> int:
        return START_US + self.us

    def now_us(self) -> int:
        return self.true_us + self.wrong_us

    def monotonic(self) -> float:
        return 1000 + self.us / SECOND_US


class Bench:
    """A clock on a machine, and a server that is asked for the time."""

    def __init__(self, wrong_us: int = 0) -> None:
        self.machine = Machine(wrong_us)
        self.clock = ClusterClock(self.machine)

    @property
    def error_us(self) -> int:
        return self.clock.now_us() - self.machine.true_us

    def ask(self, there_us: int, back_us: int, wrong_us: int = 0) -> tuple[float, int]:
        """Ask a server whose clock is wrong by so much; the way there and back takes time."""
        asked = self.clock.monotonic()
        self.machine.us += there_us
        us = self.machine.true_us + wrong_us
        self.machine.us += back_us
        return asked, us


wrongs = st.integers(-10 * MINUTES_US, 10 * MINUTES_US)
ways = st.integers(0, 3 * SECOND_US)
pauses = st.integers(0, 20 * SECOND_US)


@given(wrongs, ways, ways)
def test_a_clock_that_is_set_is_wrong_by_half_the_way_at_most(
    wrong_us: int, there_us: int, back_us: int
) -> None:
    bench = Bench(wrong_us)

    bench.clock.set(*bench.ask(there_us, back_us))

    assert abs(bench.error_us) <= (there_us + back_us) / 2 + ROUNDING_US


@given(wrongs, st.lists(st.tuples(pauses, ways, ways), min_size=1))
def test_no_correction_by_a_right_clock_makes_it_worse(
    wrong_us: int, rounds: list[tuple[int, int, int]]
) -> None:
    bench = Bench(wrong_us)
    bench.clock.set(*bench.ask(0, SECOND_US))
    for pause_us, there_us, back_us in rounds:
        bench.machine.us += pause_us
        answer = bench.ask(there_us, back_us)
        before = abs(bench.error_us)

        bench.clock.correct(*answer)

        assert abs(bench.error_us) <= before + ROUNDING_US


@given(st.lists(st.tuples(pauses, ways, wrongs, st.integers(0, 10 * SECOND_US)), min_size=1))
def test_it_never_goes_back_whatever_the_answers_are(
    rounds: list[tuple[int, int, int, int]],
) -> None:
    bench = Bench()
    bench.clock.set(*bench.ask(0, 0))
    shown = []
    for pause_us, back_us, wrong_us, more_us in rounds:
        bench.machine.us += pause_us
        bench.clock.correct(*bench.ask(0, back_us, wrong_us))
        shown.append(bench.clock.now_us())
        bench.machine.us += more_us
        shown.append(bench.clock.now_us())

    assert all(before <= after for before, after in pairwise(shown))


@given(pauses, wrongs)
def test_one_wrong_answer_moves_it_by_a_part_of_the_time_since_the_last(
    pause_us: int, wrong_us: int
) -> None:
    bench = Bench()
    bench.clock.set(*bench.ask(0, 0))
    bench.machine.us += pause_us

    bench.clock.correct(*bench.ask(0, 0, wrong_us))

    bench.machine.us += SECOND_US * 10  # where it stood still it goes on by now
    assert abs(bench.error_us) <= PACE * pause_us + ROUNDING_US


@given(st.integers(-60 * SECOND_US, 60 * SECOND_US))
def test_it_comes_to_show_what_a_server_shows_whose_clock_was_set(wrong_us: int) -> None:
    bench = Bench()
    bench.clock.set(*bench.ask(0, 0))
    for _ in range(2 + 2 * abs(wrong_us) // SECOND_US):
        bench.machine.us += SECOND_US
        bench.clock.correct(*bench.ask(0, 0, wrong_us))
    bench.machine.us += SECOND_US

    assert abs(bench.error_us - wrong_us) <= ROUNDING_US


def test_a_machines_clock_that_is_set_meanwhile_changes_nothing_but_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    bench.clock.set(*bench.ask(0, 0))
    assert not bench.clock.is_off
    with caplog.at_level(logging.INFO):
        for wrong_us in (-MINUTES_US, -MINUTES_US, 0):
            bench.machine.us += SECOND_US
            bench.machine.wrong_us = wrong_us
            bench.clock.correct(*bench.ask(0, 0))
            assert abs(bench.error_us) <= ROUNDING_US
            assert bench.clock.is_off is bool(wrong_us)
            assert abs(bench.clock.ahead_us - wrong_us) <= ROUNDING_US

    assert [record.message for record in caplog.records] == [
        "this machine's clock is 300.0 s behind the database's, by which the node goes",
        "this machine's clock shows what the database's does again",
    ]
