from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from event_system.promql.ports import Labels, Matcher
from event_system.timeseries.index import UNKNOWN, SeriesIndex, distinct
from tests.support.series import labels

WORDS = st.sampled_from(["", "a", "b", "ab", "c"])
SERIES = st.builds(
    lambda name, x, y: tuple(pair for pair in (("__name__", name), ("x", x), ("y", y)) if pair[1]),
    st.sampled_from(["m", "n"]),
    WORDS,
    WORDS,
)
MATCHERS = st.lists(
    st.builds(
        Matcher,
        st.sampled_from(["__name__", "x", "y", "z"]),
        st.sampled_from(["=", "!=", "=~", "!~"]),
        st.sampled_from(["", "a", "b", "m", "a.*", ".+", ".*", "a|b", "(ab)?"]),
    ),
    max_size=3,
)


@given(st.lists(SERIES, max_size=30), MATCHERS)
def test_what_is_found_is_what_every_matcher_fits(
    series: list[Labels], matchers: list[Matcher]
) -> None:
    index = SeriesIndex()
    index.refs(series, 100)

    found = {index.label(ref) for ref in index.find(matchers).tolist()}

    assert found == {
        each
        for each in series
        if all(matcher.matches(dict(each).get(matcher.name, "")) for matcher in matchers)
    }


def test_new_series_past_the_limit_get_no_number() -> None:
    index = SeriesIndex()

    refs = index.refs([labels("a"), labels("b"), labels("a"), labels("c")], 2)

    assert refs.tolist() == [0, 1, 0, UNKNOWN]


def test_a_forgotten_series_is_new_when_it_comes_again() -> None:
    index = SeriesIndex()
    index.refs([labels("a"), labels("b", x="1")], 10)

    index.keep(np.array([1]))

    assert index.find([Matcher("__name__", "=", "a")]).tolist() == []
    assert index.find([Matcher("x", "=", "1")]).tolist() == [1]
    assert index.refs([labels("b", x="1"), labels("a")], 10).tolist() == [1, 2]


def test_more_series_than_there_was_room_for_keep_their_newest_times() -> None:
    index = SeriesIndex()
    index.refs([labels("first")], 5000)
    index.newest_ms[0] = 7

    index.refs([labels("m", i=str(i)) for i in range(3000)], 5000)

    assert index.newest_ms[0] == 7
    assert len(index.newest_ms) > 3000


@given(st.lists(st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1)))
def test_distinct_numbers_come_once_and_rise(numbers: list[int]) -> None:
    assert distinct(np.array(numbers, np.int64)).tolist() == sorted({*numbers})
