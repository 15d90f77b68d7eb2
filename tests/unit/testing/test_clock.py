from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from event_system.testing import ManualClock


def test_time_stands_still_until_it_is_moved() -> None:
    clock = ManualClock()
    before = clock.now_us(), clock.monotonic(), clock.now

    clock.move_to(clock.now_us() + 1_500_000)

    assert (clock.now_us() - before[0], clock.monotonic() - before[1]) == (1_500_000, 1.5)
    assert (clock.now - before[2]).total_seconds() == 1.5


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=30), st.integers(0, 60))
def test_calls_come_in_their_order_when_they_are_due_and_once(
    plans: list[tuple[int, bool]], seconds: int
) -> None:
    clock = ManualClock()
    called: list[tuple[int, int]] = []
    for number, (delay, cancelled) in enumerate(plans):
        planned = clock.call_later(delay, lambda *call: called.append(call), delay, number)
        if cancelled:
            planned.cancel()

    clock.move_to(clock.now_us() + seconds * 1_000_000)
    clock.run_due()
    clock.run_due()

    wanted = [(delay, n) for n, (delay, cancelled) in enumerate(plans) if not cancelled]
    assert called == sorted(call for call in wanted if call[0] <= seconds)
    assert clock.waiting == len(wanted) - len(called)


def test_a_call_that_cancels_another_due_one_is_heeded() -> None:
    clock = ManualClock()
    called: list[str] = []
    later = clock.call_later(2, called.append, "later")
    clock.call_later(1, later.cancel)

    clock.move_to(clock.now_us() + 5_000_000)
    clock.run_due()

    assert called == []
