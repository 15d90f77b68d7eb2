"""What a store answers, wherever the samples are: its order, its limit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from event_system.kernel.errors import TooManySamplesError
from event_system.promql.engine import Answer, Limits, at, evaluate
from event_system.promql.ports import Series
from event_system.timeseries.options import HOUR_MS
from tests.support.series import ALL, BASE_MS, StoreClock, contents, labels, opened, put

A = labels("a")


def test_series_come_sorted_by_their_labels_wherever_they_are(tmp_path: Path) -> None:
    clock = StoreClock()
    store = opened(tmp_path, clock)
    some = [labels("b"), labels("a", x="2"), labels("a", x="10"), labels("a")]
    put(store, [(each, clock.ms, float(place)) for place, each in enumerate(some)])
    in_the_head = store.select([ALL], 0, 2**62, 100)
    clock.pass_ms(3 * HOUR_MS)
    put(store, [(labels("a", x="1"), clock.ms, 4.0)])
    store.maintain()
    put(store, [(some[0], clock.ms, 5.0)])
    in_both = store.select([ALL], 0, 2**62, 100)

    assert in_the_head.labels == sorted(some)
    assert in_the_head.values.tolist() == [3.0, 2.0, 1.0, 0.0]
    assert in_both.labels == sorted([*some, labels("a", x="1")])
    assert in_both.values.tolist() == [3.0, 4.0, 2.0, 1.0, 0.0, 5.0]
    store.close()


def test_more_samples_than_wanted_are_refused_wherever_they_are(tmp_path: Path) -> None:
    clock = StoreClock()
    store = opened(tmp_path, clock)
    put(store, [(A, BASE_MS + n, float(n)) for n in range(50)])
    clock.pass_ms(3 * HOUR_MS)
    put(store, [(A, clock.ms, 1.0)])
    store.maintain()
    put(store, [(A, clock.ms + n, float(n)) for n in range(1, 50)])

    assert len(store.select([ALL], 0, 2**62, 100).times) == 100
    with pytest.raises(TooManySamplesError, match="over 99 samples"):
        store.select([ALL], 0, 2**62, 99)
    store.close()


def test_what_a_query_unpacked_is_at_hand_for_the_next(tmp_path: Path) -> None:
    clock = StoreClock()
    store = opened(tmp_path, clock)
    put(store, [(A, BASE_MS + n, float(n)) for n in range(50)])
    clock.pass_ms(3 * HOUR_MS)
    put(store, [(A, clock.ms, 1.0)])
    store.maintain()
    before = contents(store)
    (block,) = tmp_path.glob("*.block")
    block.write_bytes(bytes(block.stat().st_size))

    assert contents(store) == before
    assert contents(store, BASE_MS + 10, BASE_MS + 20) == {
        A: {at: value for at, value in before[A].items() if BASE_MS + 10 <= at <= BASE_MS + 20}
    }
    assert store.damage == []
    assert store.check() != []
    store.close()


def test_a_query_of_a_hundred_million_samples_is_refused_with_the_limit_named(
    tmp_path: Path,
) -> None:
    store = opened(tmp_path)
    times = BASE_MS - np.arange(1_000_000, 0, -1, dtype=np.int64) * 1000
    values = np.ones(len(times))
    for first in range(0, 100, 10):
        some = [labels("m", i=str(number)) for number in range(first, first + 10)]
        store.add_history([Series(each, times, values) for each in some])

    def ask(query: str) -> Answer:
        return evaluate(store, Limits(), at(query, BASE_MS), lambda: None)

    with pytest.raises(TooManySamplesError, match=r"20000000 .*promql\.max_samples"):
        ask("sum(sum_over_time(m[30d]))")
    assert ask('sum_over_time(m{i="7"}[30d])').samples.values.tolist() == [1_000_000]
    store.close()
