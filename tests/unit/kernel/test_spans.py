from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel.spans import Span, difference, intersection, total_us, union

edges = st.integers(0, 40)
spans = st.lists(st.builds(Span, edges, edges), max_size=8)


def moments(some: list[Span]) -> set[int]:
    return {moment for span in some for moment in range(span.start_us, span.end_us)}


def is_plain(some: list[Span]) -> bool:
    return all(span.length_us for span in some) and all(
        one.end_us < other.start_us for one, other in pairwise(some)
    )


@given(spans, spans)
def test_spans_are_sets_of_moments(some: list[Span], others: list[Span]) -> None:
    assert moments(union(some)) == moments(some)
    assert moments(intersection(some, others)) == moments(some) & moments(others)
    assert moments(difference(some, others)) == moments(some) - moments(others)
    assert total_us(some) == len(moments(some))


@given(spans, spans)
def test_what_comes_back_is_sorted_and_does_not_touch(some: list[Span], others: list[Span]) -> None:
    assert is_plain(union(some))
    assert is_plain(intersection(some, others))
    assert is_plain(difference(some, others))


@given(spans, spans)
def test_the_parts_make_up_the_whole(some: list[Span], others: list[Span]) -> None:
    parts = intersection(some, others) + difference(some, others)

    assert total_us(parts) == total_us(some)
    assert union(parts) == union(some)
