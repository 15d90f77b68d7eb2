"""Unpacked columns that are kept: which, how many, and which go first."""

from __future__ import annotations

import numpy as np
import pytest

from event_system.timeseries.unpacked import LONGEST, Unpacked

COLUMN = np.ones(100)


def test_what_is_kept_is_found_and_cannot_be_changed() -> None:
    unpacked = Unpacked()
    unpacked.of("group", 100)
    unpacked.keep("group", 3, np.arange(100.0))

    found = unpacked.of("group", 100)
    assert list(found) == [3]
    with pytest.raises(ValueError, match="read-only"):
        found[3][0] = 7


def test_the_groups_used_longest_ago_go_past_the_size() -> None:
    unpacked = Unpacked(most_bytes=4 * COLUMN.nbytes)
    for group in ("a", "b"):
        unpacked.of(group, 100)
        for column in (0, 1):
            unpacked.keep(group, column, COLUMN.copy())
    unpacked.of("a", 100)
    unpacked.keep("a", 2, COLUMN.copy())

    assert sorted(unpacked.of("a", 100)) == [0, 1, 2]
    assert unpacked.of("b", 100) == {}
    assert unpacked.bytes == 3 * COLUMN.nbytes


def test_a_group_larger_than_the_size_leaves_nothing() -> None:
    unpacked = Unpacked(most_bytes=COLUMN.nbytes)
    unpacked.of("a", 100)
    for column in range(5):
        unpacked.keep("a", column, COLUMN.copy())

    assert unpacked.of("a", 100) == {}
    assert unpacked.bytes == 0


def test_long_columns_are_not_kept() -> None:
    unpacked = Unpacked()
    unpacked.of("day", LONGEST + 1)
    unpacked.keep("day", 0, COLUMN.copy())

    assert unpacked.of("day", LONGEST + 1) == {}
    assert unpacked.bytes == 0


def test_a_column_that_two_threads_unpack_counts_once() -> None:
    unpacked = Unpacked()
    unpacked.of("a", 100)
    for _ in range(2):
        unpacked.keep("a", 0, COLUMN.copy())

    assert unpacked.bytes == COLUMN.nbytes
