"""Pages of the newest samples, against plain lists."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from event_system.timeseries.batches import Batch
from event_system.timeseries.head import PAGE, Head

BATCHES = st.lists(
    st.dictionaries(st.integers(0, 3), st.integers(1, 3 * PAGE), max_size=4), max_size=8
)


SPAN = st.tuples(st.integers(-2, 800), st.integers(-2, 800)).map(sorted)


@given(BATCHES, SPAN, st.sets(st.integers(0, 3)))
def test_each_series_has_its_samples_in_order_however_many_come_at_once(
    batches: list[dict[int, int]], span: list[int], some: set[int]
) -> None:
    head, wanted, clock = Head(4096, 4), dict[int, list[int]](), 0
    for lengths in batches:
        refs = [ref for turn in range(3 * PAGE) for ref, n in lengths.items() if turn < n]
        times = list(range(clock, clock + len(refs)))
        clock += len(refs)
        for ref, time in zip(refs, times, strict=True):
            wanted.setdefault(ref, []).append(time)
        batch = Batch(np.array(refs, np.int64), np.array(times, np.int64), np.array(times, float))
        assert head.has_room(len(refs), len(lengths))
        head.append(batch.runs())

    assert head.refs().tolist() == sorted(wanted)
    for ref, expected in wanted.items():
        found, values = head.read(ref)
        assert found.tolist() == values.tolist() == expected
    assert head.samples == clock
    here = [ref for ref in sorted(some) if ref in wanted]
    within = {ref: [time for time in wanted[ref] if span[0] <= time <= span[1]] for ref in here}
    window = head.window(np.array(here, np.int64), *span)
    assert len(window) == sum(map(len, within.values()))
    found_within = {ref: times.tolist() for ref, times, _ in window.parts()}
    assert found_within == {ref: times for ref, times in within.items() if times}
    assert window.values.tolist() == window.times.tolist()


def test_many_samples_of_one_series_take_one_pass() -> None:
    count = 1_000_000  # a pass for each would be hours
    batch = Batch(np.zeros(count, np.int64), np.arange(count), np.zeros(count))

    fresh = batch.newer_than(np.full(1, -1, np.int64))
    head = Head(count, 1)
    head.append(batch.where(fresh.later).runs())

    assert head.samples == count
    assert head.read(0)[0].tolist() == list(range(count))
