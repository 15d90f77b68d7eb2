from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from event_system.timeseries.batches import Batch

SAMPLES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 12)), max_size=40)


def batch(samples: list[tuple[int, int]]) -> Batch:
    pairs = np.array(samples, np.int64).reshape(-1, 2)
    return Batch(pairs[:, 0], pairs[:, 1], np.arange(len(samples), dtype=np.float64))


@given(SAMPLES, st.lists(st.integers(0, 12), min_size=5, max_size=5))
def test_a_sample_is_taken_where_it_is_later_than_all_before_of_its_series(
    samples: list[tuple[int, int]], newest: list[int]
) -> None:
    seen, wanted = list(newest), []
    for ref, time in samples:
        wanted.append((time > seen[ref], time == seen[ref]))
        seen[ref] = max(seen[ref], time)

    fresh = batch(samples).newer_than(np.array(newest, np.int64))

    assert list(zip(fresh.later.tolist(), fresh.same.tolist(), strict=True)) == wanted


@given(SAMPLES)
def test_runs_hold_every_sample_once_series_by_series_in_order(
    samples: list[tuple[int, int]],
) -> None:
    runs = batch(samples).runs()

    found = []
    for ref, start, length in zip(runs.refs, runs.starts, runs.lengths, strict=True):
        part = slice(start, start + length)
        rows = zip(runs.times[part], runs.values[part], strict=True)
        found += [(int(ref), int(time), int(value)) for time, value in rows]
    wanted = [(ref, time, place) for place, (ref, time) in enumerate(samples)]
    assert found == sorted(wanted, key=lambda row: (row[0], row[2]))
    assert [wanted[place] for place in runs.order.tolist()] == found
    assert len(set(runs.refs.tolist())) == len(runs.refs)
