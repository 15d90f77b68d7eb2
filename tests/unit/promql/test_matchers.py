"""Matchers: what fits, and what an absent label counts as."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel.errors import PromqlSyntaxError
from event_system.promql.ports import STALE, Matcher, is_stale


@pytest.mark.parametrize(
    ("op", "value", "label", "fits"),
    [
        ("=", "a", "a", True),
        ("=", "a", "ab", False),
        ("=", "", "", True),
        ("!=", "a", "", True),
        ("!=", "a", "a", False),
        ("=~", "a|b", "b", True),
        ("=~", "a|b", "ab", False),
        ("=~", "a", "ab", False),
        ("=~", ".*", "", True),
        ("=~", ".+", "", False),
        ("=~", "a.b", "a\nb", True),
        ("=~", r"\p{L}+", "érl", True),
        ("=~", "(?i)ab", "AB", True),
        ("!~", "a.*", "ab", False),
        ("!~", "a.*", "b", True),
    ],
)
def test_a_matcher_fits_whole_values(op: str, value: str, label: str, fits: bool) -> None:
    assert Matcher("l", op, value).matches(label) is fits  # type: ignore[arg-type]


@given(st.text(), st.text())
def test_a_matcher_and_its_opposite_never_agree(value: str, label: str) -> None:
    assert Matcher("l", "=", value).matches(label) != Matcher("l", "!=", value).matches(label)


@pytest.mark.parametrize("value", ["(", "(?=a)", r"(a)\1", "a" * 20_000, "a{1001}", "\ud800"])
def test_an_expression_that_re2_refuses_is_named(value: str) -> None:
    with pytest.raises(PromqlSyntaxError, match="regular expression"):
        Matcher("l", "=~", value)


def test_an_expression_that_others_take_ages_for_is_quick() -> None:
    assert not Matcher("l", "=~", "(a*)*b").matches("a" * 20_000)


def test_stale_is_told_from_other_values_that_are_no_number() -> None:
    values = np.array([1.0, np.nan, STALE, np.inf])

    assert np.isnan(STALE)
    assert is_stale(values).tolist() == [False, False, True, False]
