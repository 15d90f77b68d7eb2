"""What was appended is what is selected, however it is spread over head, blocks and restarts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_system.kernel.errors import DataDirectoryError, StorageError
from event_system.promql.ports import STALE, Labels, Matcher, Series
from event_system.timeseries.blocks import GROUP_SERIES
from event_system.timeseries.options import DAY_MS, HOUR_MS
from event_system.timeseries.store import Store
from tests.support.series import (
    ALL,
    BASE_MS,
    Points,
    StoreClock,
    bits,
    contents,
    labels,
    opened,
    put,
)

BATCHES = 8
A, B = labels("a"), labels("b", x="1")
NAMES = [labels("m", i=str(i)) for i in range(6)]
VALUES = st.one_of(st.just(float(STALE)), st.floats(), st.integers(0, 50).map(float))
STEPS = st.lists(
    st.one_of(
        st.lists(
            st.tuples(st.integers(0, 5), st.integers(-3, 40), VALUES), min_size=1, max_size=12
        ),
        st.sampled_from(["restart", "crash", "cut", "day", "maintain"]),
    ),
    max_size=14,
)


Step = list[tuple[int, int, float]] | str


class Book:
    """What a store has to hold, by its own rules."""

    def __init__(self) -> None:
        self.points: Points = {}

    def put(
        self, samples: list[tuple[int, int, float]], at_ms: int
    ) -> list[tuple[Labels, int, float]]:
        rows = []
        for series, minutes, value in samples:
            time = at_ms + minutes * 1000
            kept = self.points.setdefault(NAMES[series], {})
            if not kept or time > max(kept):
                kept[time] = bits(value)
            rows.append((NAMES[series], time, value))
        self.points = {series: kept for series, kept in self.points.items() if kept}
        return rows


@settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    max_examples=60,
)
@given(STEPS)
def test_what_was_appended_is_what_is_selected(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step]
) -> None:
    path, clock, book = tmp_path_factory.mktemp("store"), StoreClock(), Book()
    store = opened(path, clock, head_samples=64, most_series=10)
    for step in steps:
        if isinstance(step, list):
            put(store, book.put(step, clock.ms))
        elif step == "day":
            clock.pass_ms(DAY_MS // 3)
        else:
            store = _turn(step, store, path, clock)
    middle = BASE_MS + 20_000

    assert contents(store) == book.points
    for low, high in ((0, middle), (middle, 2**62)):
        part = {
            series: {time: value for time, value in kept.items() if low <= time <= high}
            for series, kept in book.points.items()
        }
        assert contents(store, low, high) == {series: kept for series, kept in part.items() if kept}
    assert store.damage == []
    store.close()


def _turn(step: str, store: Store, path: Path, clock: StoreClock) -> Store:
    if step == "maintain":
        store.maintain()
    elif step == "cut":
        clock.pass_ms(3 * HOUR_MS)
        store.maintain()
    elif step == "restart":
        store.close()
        return opened(path, clock, head_samples=64, most_series=10)
    else:
        store._directory.close()  # the lock goes, nothing is brought to the disk
        return opened(path, clock, head_samples=64, most_series=10)
    return store


def test_a_sample_that_is_not_later_is_left_out_and_counted(tmp_path: Path) -> None:
    store = opened(tmp_path)

    taken = put(store, [(A, BASE_MS, 1), (A, BASE_MS, 2), (A, BASE_MS - 1, 3), (A, BASE_MS + 1, 4)])

    assert taken == 2
    assert (store.tally.duplicate, store.tally.out_of_order) == (1, 1)
    assert contents(store) == {A: {BASE_MS: bits(1), BASE_MS + 1: bits(4)}}
    store.close()


def test_what_is_older_than_a_block_is_refused_after_a_restart_too(tmp_path: Path) -> None:
    clock = StoreClock()
    store = opened(tmp_path, clock)
    put(store, [(A, BASE_MS, 1)])
    clock.pass_ms(3 * HOUR_MS)
    put(store, [(A, clock.ms, 2)])
    store.maintain()
    store.close()

    again = opened(tmp_path, clock)

    assert again.block_count == 1
    assert put(again, [(A, BASE_MS + 1, 3)]) == 0
    assert again.tally.out_of_order == 1
    again.close()


def test_samples_far_ahead_of_the_clock_are_left_out_and_counted(tmp_path: Path) -> None:
    store = opened(tmp_path)

    assert put(store, [(A, BASE_MS + HOUR_MS, 1), (B, BASE_MS, 2)]) == 1
    assert store.tally.future == 1
    store.close()


def test_new_series_over_the_limit_are_left_out_and_counted(tmp_path: Path) -> None:
    store = opened(tmp_path, most_series=1)

    assert put(store, [(A, BASE_MS, 1), (B, BASE_MS, 2)]) == 1
    assert put(store, [(A, BASE_MS + 1, 1), (B, BASE_MS + 1, 2)]) == 1
    assert store.tally.series_limit == 2
    store.close()


def test_samples_that_are_refused_take_no_place_of_a_series(tmp_path: Path) -> None:
    store = opened(tmp_path, most_series=2)
    oldest = int(np.iinfo(np.int64).min)

    for time in (BASE_MS + HOUR_MS, oldest):
        assert put(store, [(labels("far", i=str(n)), time, 1) for n in range(5)]) == 0
    assert put(store, [(A, BASE_MS, 1), (B, BASE_MS, 2)]) == 2
    assert (store.tally.future, store.tally.out_of_order, store.tally.series_limit) == (5, 5, 0)
    store.close()


def test_a_full_store_forgets_the_series_that_nothing_is_kept_of(tmp_path: Path) -> None:
    clock = StoreClock()
    store = opened(tmp_path, clock, most_series=2, retention_ms=DAY_MS)
    put(store, [(A, clock.ms, 1), (B, clock.ms, 1)])
    for _ in range(3):
        clock.pass_ms(DAY_MS)
        store.maintain()
        put(store, [(B, clock.ms, 1)])
    store.maintain()

    assert put(store, [(labels("new"), clock.ms, 1)]) == 1
    store.close()


def test_a_thread_that_comes_after_the_end_writes_nowhere(tmp_path: Path) -> None:
    store = opened(tmp_path / "store")
    put(store, [(A, BASE_MS, 1)])
    store.close()
    foreign = [tmp_path / str(n) for n in range(8)]
    files = [path.open("wb") for path in foreign]  # they get the numbers that the store had
    blocks = sorted((tmp_path / "store").iterdir())

    late: list[Callable[[], object]] = [
        lambda: put(store, [(A, BASE_MS + 1, 2)]),
        lambda: store.add_history([Series(B, np.array([1]), np.array([1.0]))]),
        store.sync,
        store.maintain,
    ]
    for work in late:
        with pytest.raises(StorageError, match="closed"):
            work()
    store.close()

    for file in files:
        file.close()
    assert [path.read_bytes() for path in foreign] == [b""] * len(foreign)
    assert sorted((tmp_path / "store").iterdir()) == blocks


def test_a_batch_larger_than_the_head_is_stored_whole(tmp_path: Path) -> None:
    store = opened(tmp_path, head_samples=64, most_series=4)
    rows = [(A, BASE_MS + n, float(n)) for n in range(1000)]

    assert put(store, rows) == 1000
    assert contents(store) == {A: {time: bits(value) for _, time, value in rows}}
    assert store.block_count > 1
    store.close()


def test_labels_are_those_of_series_in_the_span(tmp_path: Path) -> None:
    clock = StoreClock()
    store = opened(tmp_path, clock)
    put(store, [(A, BASE_MS, 1)])
    clock.pass_ms(3 * HOUR_MS)
    put(store, [(B, clock.ms, 1)])
    store.maintain()
    clock.pass_ms(3 * HOUR_MS)
    put(store, [(B, clock.ms, 1)])

    assert store.series([ALL], 0, 2**62) == [A, B]
    assert store.series([ALL], clock.ms, clock.ms) == [B]
    assert store.label_names([Matcher("__name__", "=", "a")], 0, 2**62) == ["__name__"]
    assert store.label_values("x", [ALL], 0, 2**62) == ["1"]
    assert store.label_values("x", [ALL], 0, BASE_MS) == []
    store.close()


def test_a_second_process_is_told_who_has_the_store(tmp_path: Path) -> None:
    store = opened(tmp_path)
    owner = (tmp_path / "LOCK").read_text().strip()

    with pytest.raises(DataDirectoryError, match=f"in use by process {owner}"):
        opened(tmp_path)
    store.close()
    opened(tmp_path).close()


def test_a_clock_that_is_set_back_begins_anew_and_keeps_what_was_ahead(tmp_path: Path) -> None:
    clock = StoreClock(BASE_MS + DAY_MS)
    store = opened(tmp_path, clock)
    put(store, [(A, BASE_MS + DAY_MS, 1)])
    clock.ms = BASE_MS

    assert put(store, [(A, BASE_MS, 2)]) == 1
    assert contents(store) == {A: {BASE_MS: bits(2), BASE_MS + DAY_MS: bits(1)}}
    store.close()


def test_old_blocks_are_deleted_and_their_series_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("event_system.timeseries.store.FORGET_FROM", 0)
    clock = StoreClock()
    store = opened(tmp_path, clock, retention_ms=DAY_MS)
    put(store, [(A, BASE_MS, 1)])
    put(store, [(labels("old"), BASE_MS + 1, 1)])
    for _ in range(24):
        clock.pass_ms(3 * HOUR_MS)
        put(store, [(B, clock.ms, 1)])
        store.maintain()

    assert store.label_values("__name__", [ALL], 0, 2**62) == ["b"]
    assert len(store.index) == 1
    store.close()


def test_a_store_over_its_size_loses_the_oldest(tmp_path: Path) -> None:
    clock = StoreClock()
    store = opened(tmp_path, clock, retention_bytes=20_000)
    chance = np.random.default_rng(7)
    for _ in range(30):
        for _ in range(100):
            clock.pass_ms(2 * 60_000)
            put(store, [(A, clock.ms, float(chance.random()))])
        store.maintain()

    assert store.bytes <= 20_000
    assert clock.ms in contents(store)[A]
    assert BASE_MS + 2 * 60_000 not in contents(store)[A]
    store.close()


def test_days_that_are_over_become_one_block_each(tmp_path: Path) -> None:
    clock = StoreClock(BASE_MS - BASE_MS % DAY_MS)
    store = opened(tmp_path, clock)
    wanted = {}
    for n in range(60):
        clock.pass_ms(HOUR_MS)
        put(store, [(A, clock.ms, float(n))])
        wanted[clock.ms] = bits(n)
        store.maintain()

    assert contents(store) == {A: wanted}
    days = [block.min_ms // DAY_MS for block in store._blocks]
    assert all(days.count(day) == 1 for day in set(days[:-4]))
    store.close()


def test_history_lies_beside_what_is_there_and_does_not_replace_it(tmp_path: Path) -> None:
    store = opened(tmp_path)
    put(store, [(A, BASE_MS, 1)])

    store.add_history(
        [
            Series(A, np.array([BASE_MS - 1000, BASE_MS]), np.array([7.0, 8.0])),
            Series(B, np.array([BASE_MS - 5]), np.array([9.0])),
        ]
    )

    wanted = {A: {BASE_MS - 1000: bits(7), BASE_MS: bits(1)}, B: {BASE_MS - 5: bits(9)}}
    assert contents(store) == wanted
    store.close()
    again = opened(tmp_path)
    assert contents(again) == wanted
    again.close()


@pytest.mark.parametrize("suffix", ["block", "journal"])
def test_any_byte_may_be_wrong(tmp_path: Path, suffix: str) -> None:
    """The store opens, has nothing wrong, says what is lost, and loses no more than one part."""
    damaged = Damaged(tmp_path, suffix)
    for at in damaged.places(150):
        broken = bytearray(damaged.data)
        broken[at] ^= 0x5A
        found, told = damaged.read(bytes(broken))

        assert all(points.items() <= damaged.whole[name].items() for name, points in found.items())
        assert found == damaged.whole or told == {damaged.file.name}
        lost = sum(map(len, damaged.whole.values())) - sum(map(len, found.values()))
        assert lost <= GROUP_SERIES * BATCHES


@pytest.mark.parametrize("suffix", ["block", "journal"])
def test_a_file_may_end_anywhere(tmp_path: Path, suffix: str) -> None:
    damaged = Damaged(tmp_path, suffix)
    for length in damaged.places(100):
        found, told = damaged.read(damaged.data[:length])

        assert all(points.items() <= damaged.whole[name].items() for name, points in found.items())
        assert found == damaged.whole or told == {damaged.file.name} or suffix == "journal"


class Damaged:
    """A store with a block and a journal, one of which is to be damaged."""

    def __init__(self, path: Path, suffix: str) -> None:
        clock = StoreClock()
        store = opened(path, clock)
        series = [labels("m", i=str(i)) for i in range(100)]
        for _ in range(BATCHES):
            clock.pass_ms(HOUR_MS // 2)
            put(store, [(each, clock.ms, float(n)) for n, each in enumerate(series)])
            store.maintain()
        self.whole = contents(store)
        store.close()
        self._files = {file: file.read_bytes() for file in path.iterdir()}
        (self.file,) = path.glob(f"*.{suffix}")
        self.data = self._files[self.file]

    def places(self, count: int) -> list[int]:
        """All of the first frame's beginning, and many more."""
        step = max(1, len(self.data) // count)
        return [*range(48), *range(48, len(self.data), step), len(self.data) - 1]

    def read(self, data: bytes) -> tuple[Points, set[str]]:
        """What can be read of the store with such a file, and the files that are said damaged."""
        path = self.file.parent
        for file in path.iterdir():
            file.unlink()
        for file, kept in self._files.items():
            file.write_bytes(data if file == self.file else kept)
        store = opened(path)
        found = contents(store)
        told = {each.file for each in store.check()}
        store._directory.close()
        return found, told
