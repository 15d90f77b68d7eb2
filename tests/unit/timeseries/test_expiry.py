from __future__ import annotations

from event_system.timeseries.expiry import CautiousClock, Kept, expired
from event_system.timeseries.options import DAY_MS, HOUR_MS

NOW_MS = 100 * DAY_MS
BLOCKS = [Kept(str(day), (100 - day) * DAY_MS, 10) for day in (1, 2, 3, 20)]


def test_blocks_that_end_before_the_retention_are_deleted() -> None:
    assert expired(BLOCKS, NOW_MS, 15 * DAY_MS, None, 0) == ["20"]


def test_the_oldest_blocks_go_until_the_rest_fits() -> None:
    assert expired(BLOCKS, NOW_MS, 90 * DAY_MS, 25, 5) == ["20", "3"]


def test_a_journal_over_the_limit_costs_all_blocks_and_no_more() -> None:
    assert len(expired(BLOCKS, NOW_MS, 90 * DAY_MS, 10, 50)) == 4


def test_a_clock_that_agrees_with_the_time_that_passed_is_believed() -> None:
    clock = CautiousClock(NOW_MS, 5.0)

    assert clock.now_ms(NOW_MS + 7000, 12.0) == NOW_MS + 7000


def test_a_clock_that_jumps_a_year_ahead_is_doubted_for_an_hour() -> None:
    clock = CautiousClock(NOW_MS, 0.0)
    year = 365 * DAY_MS

    assert clock.now_ms(NOW_MS + year, 0.0) == NOW_MS
    assert clock.now_ms(NOW_MS + year + 1_800_000, 1800.0) == NOW_MS + 1_800_000
    assert clock.now_ms(NOW_MS + year + HOUR_MS, 3600.0) == NOW_MS + year + HOUR_MS


def test_a_clock_that_comes_back_in_time_has_changed_nothing() -> None:
    clock = CautiousClock(NOW_MS, 0.0)
    clock.now_ms(NOW_MS + 365 * DAY_MS, 60.0)

    assert clock.now_ms(NOW_MS + 120_000, 120.0) == NOW_MS + 120_000


def test_a_clock_that_keeps_jumping_is_never_believed() -> None:
    clock = CautiousClock(NOW_MS, 0.0)

    for hours in range(1, 50):
        jumped = NOW_MS + hours * 40 * DAY_MS
        assert clock.now_ms(jumped, hours * 3600.0) == NOW_MS + hours * HOUR_MS


def test_a_sample_of_next_year_makes_nothing_old() -> None:
    clock = CautiousClock(NOW_MS + 365 * DAY_MS, 0.0)

    for seconds in range(0, 7200, 600):
        assert clock.now_ms(NOW_MS + seconds * 1000, float(seconds)) == NOW_MS + seconds * 1000


def test_a_clock_that_was_set_back_is_followed_at_once() -> None:
    clock = CautiousClock(NOW_MS, 0.0)

    assert clock.now_ms(NOW_MS - 3 * HOUR_MS, 60.0) == NOW_MS - 3 * HOUR_MS
