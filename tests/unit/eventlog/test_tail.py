"""The young end of the log in memory, against a plain list of it."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from event_system.eventlog.backbone.tail import Tail
from event_system.events.event import Row
from tests.support.rows import row

IDS, SUBJECTS = "abcd", (None, "p", "q")
STEPS = st.lists(
    st.one_of(
        st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(SUBJECTS)), max_size=4),
        st.integers(0, 12),
    ),
    max_size=20,
)


@given(STEPS)
def test_it_holds_what_the_tables_do_not_have_and_finds_it(
    steps: list[list[tuple[str, str | None]] | int],
) -> None:
    tail, rows, gone = Tail(10, 0), list[Row](), 0
    for step in steps:
        if isinstance(step, int):
            tail.took_over(10 + step)
            gone = max(gone, min(step, len(rows)))
        else:
            new = [row(id_, subject=subject) for id_, subject in step]
            tail.extend(new)
            rows += new

        there = list(enumerate(rows, 11))[gone:]
        assert (tail.projected, tail.head) == (10 + gone, 10 + len(rows))
        assert [tail.at(offset) for offset, _ in there] == [each for _, each in there]
        assert tail.rows(tail.projected, 100) == [each for _, each in there]
        for id_ in IDS:
            found = [stored.offset for stored in tail.twins([row(id_)[0]])]
            assert found == [offset for offset, each in there if each[7] == id_]
        for subject in ("p", "q"):
            of_subject = [offset for offset, each in there if each[8] == subject]
            assert tail.last_of(subject) == max(of_subject, default=0)


def test_it_is_full_at_a_number_of_events_or_of_bytes() -> None:
    by_number, by_size = Tail(0, 0, most_events=2), Tail(0, 0, most_bytes=10)

    by_number.extend([row("a")])
    by_size.extend([row("a", data=b"123456789")])
    assert not by_number.is_full
    assert not by_size.is_full
    by_number.extend([row("b")])
    by_size.extend([row("b", data=b"1")])
    assert by_number.is_full
    assert by_size.is_full
    by_number.took_over(1)
    by_size.took_over(1)
    assert not by_number.is_full
    assert not by_size.is_full


async def test_who_waits_for_the_tables_is_told_once_they_have_come_so_far() -> None:
    tail = Tail(0, 0)
    tail.extend([row("a"), row("b")])
    waiting = asyncio.create_task(tail.projection(2, 30))
    await asyncio.sleep(0)

    tail.took_over(1)
    await asyncio.sleep(0)
    assert not waiting.done()
    tail.took_over(2)
    assert await waiting
    assert await tail.projection(2, 0)
    assert not await tail.projection(3, 0)
