"""Where events stand in a partition that also has records that do not count."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from event_system.eventlog.kafka import places
from event_system.eventlog.kafka.wire import Page, Record

PARTITION = st.lists(st.booleans(), max_size=60)
"""For each place whether the record there counts."""


def counting(partition: Sequence[bool], begin: int, before: int) -> list[Record]:
    """The records that count: offsets without gaps above `before`, places from `begin` on."""
    at = [place for place, counts in enumerate(partition, begin) if counts]
    return [Record(place, "1", "c", offset, None) for offset, place in enumerate(at, before + 1)]


class Partition:
    """Pages of it are of different lengths; how many were read is counted."""

    def __init__(self, records: Sequence[Record], end: int, page: int) -> None:
        self.pages = 0
        self._records = records
        self._end = end
        self._page = page

    async def look(self, place: int) -> Page:
        self.pages += 1
        if place >= self._end:
            return Page([], 0, place)
        end = min(self._end, place + self._page)
        return Page([each for each in self._records if place <= each.place < end], 0, end)


@settings(deadline=None)
@given(
    partition=PARTITION,
    begin=st.integers(0, 5),
    before=st.integers(0, 1000),
    page=st.integers(1, 7),
    wanted=st.integers(-3, 70),
)
async def test_an_event_is_found_wherever_it_stands(
    partition: list[bool], begin: int, before: int, page: int, wanted: int
) -> None:
    records = counting(partition, begin, before)
    there = Partition(records, begin + len(partition), page)

    found = await places.place_of(before + wanted, there.look, begin)

    later = [each.place for each in records if each.offset >= before + wanted]
    assert found == (later[0] if later else None)


@settings(deadline=None)
@given(partition=PARTITION, begin=st.integers(0, 5), page=st.integers(1, 7))
async def test_the_first_and_the_last_that_count_are_found(
    partition: list[bool], begin: int, page: int
) -> None:
    records, end = counting(partition, begin, 0), begin + len(partition)
    there = Partition(records, end, page)

    assert await places.first(there.look, begin) == (records[0] if records else None)
    assert await places.last(there.look, begin, end) == (records[-1] if records else None)


async def test_the_last_one_is_found_behind_many_that_do_not_count() -> None:
    partition = [True] * 3 + [False] * (3 * places.BACK)
    records = counting(partition, 0, 0)

    assert (
        await places.last(Partition(records, len(partition), 100).look, 0, 3 * places.BACK)
        == (records[-1])
    )


async def test_a_far_event_is_found_in_a_few_steps() -> None:
    partition = ([True] * 99 + [False]) * 1_000
    records = counting(partition, 0, 0)
    there = Partition(records, len(partition), 10)

    assert await places.place_of(98_000, there.look, 0) == records[97_999].place
    assert there.pages < 10
