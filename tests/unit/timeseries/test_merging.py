from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from event_system.timeseries.merging import Extent, joined, plan_merge
from event_system.timeseries.options import DAY_MS

EXTENTS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(1, 10**6), st.booleans()),
    max_size=30,
)


@given(EXTENTS, st.integers(0, 4))
def test_a_merge_leaves_no_generation_between_its_blocks_out(
    drawn: list[tuple[int, int, int, bool]], head_day: int
) -> None:
    """Else a journal that nobody has in a block would be taken for one that is in it."""
    extents, at = [], 1
    for length, day, samples, gap in drawn:
        at += gap
        extents.append(Extent(at, at + length - 1, day * DAY_MS, samples))
        at += length

    plan = plan_merge(extents, head_day * DAY_MS)

    if plan is not None:
        inside = [each for each in extents if plan[0] <= each.first and each.last <= plan[1]]
        covered = {n for each in inside for n in range(each.first, each.last + 1)}
        assert covered == set(range(plan[0], plan[1] + 1))
        assert len(inside) > 1
        assert len({each.min_ms // DAY_MS for each in inside}) == 1


def test_a_day_that_is_over_becomes_one_block() -> None:
    blocks = [Extent(n, n, 5 * DAY_MS + n, 100) for n in (1, 2, 3)]

    assert plan_merge(blocks, 5 * DAY_MS + 10) is None
    assert plan_merge(blocks, 6 * DAY_MS) == (1, 3)


def test_eight_small_neighbours_become_one_before_the_day_is_over() -> None:
    large = Extent(1, 20, 0, 100_000)
    small = [Extent(n, n, n, 1000) for n in range(21, 29)]

    assert plan_merge([large, *small[:7]], 0) is None
    assert plan_merge([large, *small], 0) == (21, 28)


def test_no_head_means_no_day_is_known_to_be_over() -> None:
    assert plan_merge([Extent(1, 1, 0, 1), Extent(2, 2, 1, 1)], None) is None


@given(st.lists(st.dictionaries(st.integers(0, 20), st.floats(0, 9), min_size=1), min_size=1))
def test_of_samples_at_one_time_the_first_part_counts(parts: list[dict[int, float]]) -> None:
    wanted: dict[int, float] = {}
    for part in reversed(parts):
        wanted.update(part)

    times, values = joined(
        [
            (np.array(sorted(p), np.int64), np.array([p[t] for t in sorted(p)], np.float64))
            for p in parts
        ]
    )

    assert dict(zip(times.tolist(), values.tolist(), strict=True)) == wanted
    assert times.tolist() == sorted(wanted)
