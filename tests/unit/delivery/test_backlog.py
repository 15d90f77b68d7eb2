from __future__ import annotations

import pytest

from event_system.delivery.backlog import Backlog
from event_system.kernel.errors import BacklogFullError


class Stand:
    """Lags and a clock, both set by hand; the clock moves on with every look."""

    def __init__(self, **lags: int) -> None:
        self.lags = lags
        self.now = 0.0
        self.changes = 0
        self.backlog = Backlog(lambda: self.lags, lambda: self.now, limit=100)
        self.backlog.changed = self._changed
        self.backlog.look()

    def _changed(self) -> None:
        self.changes += 1

    def full_at(self, **lags: int) -> bool:
        self.lags = lags
        self.now += 1.0
        self.backlog.look()
        return self.backlog.full


def test_the_listener_that_is_furthest_behind_counts() -> None:
    stand = Stand(a=0, b=0)

    assert not stand.full_at(a=100, b=3)
    assert stand.full_at(a=5, b=101)
    with pytest.raises(BacklogFullError) as caught:
        stand.backlog.check()
    assert caught.value.where == "b"
    assert "101 events behind" in caught.value.detail


def test_it_opens_again_at_nine_tenths() -> None:
    stand = Stand(a=0)

    told = [stand.full_at(a=lag) for lag in (101, 95, 91, 90, 95, 101)]
    assert told == [True, True, True, False, False, True]
    assert stand.changes == 3


def test_a_listener_that_begins_far_behind_keeps_nobody_out() -> None:
    stand = Stand(a=0)

    told = [stand.full_at(a=0, new=lag) for lag in (5000, 5100, 5101, 3000, 3100, 3101, 0, 101)]
    assert told == [False, False, True, False, False, True, False, True]


def test_one_that_is_gone_or_paused_counts_no_more() -> None:
    stand = Stand(a=0)

    assert stand.full_at(a=200)
    assert not stand.full_at()
    assert not stand.full_at(a=200)  # resumed: it counts from here


def test_a_moment_later_nothing_is_looked_at() -> None:
    stand = Stand(a=0)
    stand.lags = {"a": 1000}
    stand.now += 0.09
    stand.backlog.look()
    assert not stand.backlog.full
    stand.now += 0.02
    stand.backlog.look()
    assert stand.backlog.full


@pytest.mark.parametrize(("taken", "until"), [(0.0, 0.1), (0.004, 0.4), (0.05, 1.0)])
def test_a_look_that_takes_long_is_seldom(taken: float, until: float) -> None:
    now, looks = 0.0, 0

    def lags() -> dict[str, int]:
        nonlocal now, looks
        now += taken
        looks += 1
        return {}

    backlog = Backlog(lags, lambda: now, limit=100)
    backlog.look()
    for at in (until - 0.01, until + 0.01):
        now = at
        backlog.look()
    assert looks == 2


def test_a_check_finds_out_that_there_is_room_again() -> None:
    stand = Stand(a=0)
    assert stand.full_at(a=200)
    stand.lags = {"a": 0}
    with pytest.raises(BacklogFullError):
        stand.backlog.check()
    stand.now += 0.2
    stand.backlog.check()
    assert not stand.backlog.full
