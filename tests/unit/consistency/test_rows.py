"""Events held against themselves, in parts of any size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.consistency.kinds import LOG_GAP, LOG_ORDER, Finding
from event_system.consistency.ports import Part, StoredRow
from event_system.consistency.report import Tally
from event_system.consistency.rows import RowCheck
from tests.support.rows import LANES, row

END = 40
Cuts = st.sets(st.integers(1, END - 1))


def stored(offset: int, received_us: int = 5) -> StoredRow:
    return (offset, *row(f"e{offset}", subject=f"s{offset % 5}", received_us=received_us))


def parts(rows: Sequence[StoredRow], cuts: set[int]) -> Iterator[Part]:
    after = 0
    for through in (*sorted(cuts), END):
        yield Part([each for each in rows if after < each[0] <= through], through)
        after = through


def found(rows: Sequence[StoredRow], cuts: set[int], floor: int = 0) -> list[Finding]:
    check = RowCheck(LANES, 0, lambda: floor)
    return [finding for part in parts(rows, cuts) for finding in check.look(part)]


@given(present=st.sets(st.integers(1, END)), floor=st.integers(0, END), cuts=Cuts)
def test_every_offset_that_is_missing_above_the_floor_is_counted_once(
    present: set[int], floor: int, cuts: set[int]
) -> None:
    findings = found([stored(offset) for offset in sorted(present)], cuts, floor)

    assert {finding.kind for finding in findings} <= {LOG_GAP}
    missing = set(range(floor + 1, END + 1)) - present
    assert sum(finding.number for finding in findings) == len(missing)


@given(times=st.lists(st.integers(0, 9), min_size=END, max_size=END), cuts=Cuts)
def test_an_event_received_before_the_one_in_front_of_it_is_found_wherever_a_part_ends(
    times: list[int], cuts: set[int]
) -> None:
    rows = [stored(offset, us) for offset, us in enumerate(times, 1)]
    early = [after for before, after in pairwise(times) if after < before]

    findings = found(rows, cuts)

    assert [finding.kind for finding in findings] == [LOG_ORDER] * len(early)


@pytest.mark.parametrize("place", range(12))
@pytest.mark.parametrize("value", [None, 7, 1.5, "text", b"\xff"])
def test_whatever_a_column_holds_is_no_error(place: int, value: object) -> None:
    changed = list(stored(3))
    if place:
        changed[place] = value
    rows = [tuple(changed), *map(stored, range(4, END + 1))]

    tally = Tally()
    tally.add(found(rows, set(), floor=2))

    offsets = {
        finding.split(":")[0] for e in tally.entries(notices=False) for finding in e.examples
    }
    assert offsets <= {"offset 3", "offset 4"}
