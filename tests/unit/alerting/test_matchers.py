from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.alerting.matchers import (
    Matcher,
    all_match,
    parse_matcher,
    parse_matchers,
    written,
)
from event_system.kernel.errors import InvalidMatcherError

operators = st.sampled_from(["=", "!="])
names = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
matchers = st.builds(Matcher, names, operators, st.text(max_size=20))


@given(st.lists(matchers, max_size=4))
def test_what_is_written_reads_as_the_same(given_: list[Matcher]) -> None:
    assert set(parse_matchers(written(given_))) == set(given_)


@pytest.mark.parametrize(
    ("text", "operator", "value"),
    [
        ("a=b", "=", "b"),
        (' a = "b c" ', "=", "b c"),
        ('a!="b,c"', "!=", "b,c"),
        ("a=~b|c", "=~", "b|c"),
        (r'a!~"x\"y"', "!~", 'x"y'),
        ("a=", "=", ""),
        ('a="it\\nis"', "=", "it\nis"),
    ],
)
def test_a_matcher_is_read(text: str, operator: str, value: str) -> None:
    found = parse_matcher(text)

    assert (found.name, found.operator, found.value) == ("a", operator, value)


@pytest.mark.parametrize(
    "text", ["a", "=b", "0a=b", 'a="b', 'a=b"', "a=~(", 'a="b\\"', "a:b=c", '{a="b"', "a=b,,c=d"]
)
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(InvalidMatcherError):
        parse_matchers(text)


@pytest.mark.parametrize(
    ("text", "value", "matches"),
    [
        ("a=~b.*", "bcd", True),
        ("a=~b", "abc", False),
        ("a=~b|c", "cb", False),
        ("a!~b.*", "abc", True),
        ("a=~.*", "two\nlines", True),
        ("a=~\\p{Han}+", "告警", True),
    ],
)
def test_a_regular_expression_is_for_the_whole_value(text: str, value: str, matches: bool) -> None:
    assert parse_matcher(text).matches({"a": value}) is matches


def test_a_label_that_is_missing_counts_as_empty() -> None:
    assert parse_matcher('a=""').matches({})
    assert parse_matcher("a!=b").matches({})
    assert not all_match(parse_matchers("a=b,c=d"), {"a": "b"})


def test_a_regular_expression_that_would_take_for_ever_elsewhere_ends() -> None:
    assert not parse_matcher("a=~(x+x+)+y").matches({"a": "x" * 5000})
