from __future__ import annotations

from collections.abc import Callable

import pytest

from event_system.scheduling.pump import LOOK_SECONDS, Pump


class Timers:
    """Remembers what was asked for, and when."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Callable[[], object], Asked]] = []

    def call_later(self, delay: float, callback: Callable[[], object]) -> Asked:
        handle = Asked()
        self.timers.append((delay, callback, handle))
        return handle

    @property
    def sleeping(self) -> list[float]:
        return [delay for delay, _, handle in self.timers if not handle.done]

    def wake(self) -> None:
        ((_, callback, handle),) = [timer for timer in self.timers if not timer[2].done]
        handle.done = True
        callback()


class Asked:
    def __init__(self) -> None:
        self.done = False

    def cancel(self) -> None:
        self.done = True


class Work:
    """Fires when the test says so."""

    def __init__(self) -> None:
        self.next_us: int | None = None
        self.fired: list[int] = []
        self.done: Callable[[Exception | None], None] = lambda error: None

    def fire(self, now_us: int, done: Callable[[Exception | None], None]) -> None:
        self.fired.append(now_us)
        self.done = done


class Rig:
    def __init__(self) -> None:
        self.now_us = 1_000_000
        self.loop = Timers()
        self.work = Work()
        self.pump = Pump(self.work, lambda: self.now_us, self.loop.call_later)


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.pump.start()
    return rig


def test_it_looks_at_the_clock_every_second_even_where_nothing_waits(rig: Rig) -> None:
    assert rig.loop.sleeping == [LOOK_SECONDS]


def test_it_sleeps_until_the_next_is_due(rig: Rig) -> None:
    rig.work.next_us = 1_250_000
    rig.pump.look()

    assert rig.loop.sleeping == [0.25]


def test_it_sleeps_no_longer_than_a_second(rig: Rig) -> None:
    rig.work.next_us = 10_000_000
    rig.pump.look()

    assert rig.loop.sleeping == [LOOK_SECONDS]


def test_a_timer_that_is_early_fires_nothing(rig: Rig) -> None:
    rig.work.next_us = 1_250_000
    rig.pump.look()
    rig.now_us = 1_249_000
    rig.loop.wake()

    assert rig.work.fired == []
    assert rig.loop.sleeping == [0.001]


def test_one_call_is_under_way_at_a_time(rig: Rig) -> None:
    rig.work.next_us = 900_000
    rig.pump.look()
    rig.pump.look()

    assert rig.work.fired == [1_000_000]
    assert rig.loop.sleeping == []


def test_what_is_still_due_is_fired_at_once(rig: Rig) -> None:
    rig.work.next_us = 900_000
    rig.pump.look()
    rig.work.done(None)
    rig.work.next_us = None
    rig.work.done(None)

    assert rig.work.fired == [1_000_000, 1_000_000]
    assert rig.loop.sleeping == [LOOK_SECONDS]


def test_a_failure_is_tried_again_after_a_while(rig: Rig) -> None:
    rig.work.next_us = 900_000
    rig.pump.look()
    rig.work.done(OSError("disk full"))

    assert len(rig.work.fired) == 1
    rig.loop.wake()
    assert len(rig.work.fired) == 2


def test_a_stopped_pump_fires_nothing(rig: Rig) -> None:
    rig.work.next_us = 900_000
    rig.pump.stop()
    rig.pump.look()

    assert rig.work.fired == []
    assert rig.loop.sleeping == []
