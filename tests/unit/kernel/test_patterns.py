"""Patterns of event types."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.kernel import patterns as module
from event_system.kernel.errors import InvalidPatternError
from event_system.kernel.patterns import (
    AnyPattern,
    PatternIndex,
    is_event_type,
    matches,
    parse_pattern,
)

segment = st.sampled_from(["a", "b", "player", "level_up"])
types = st.lists(segment, min_size=1, max_size=5).map(".".join)
patterns = st.builds(
    lambda head, rest: ".".join(head + rest),
    st.lists(st.one_of(segment, st.just("*")), max_size=4),
    st.sampled_from([[">"], ["*"], ["a"]]),
)


def naive(pattern: list[str], type_: list[str]) -> bool:
    """The rule, written as a recursion over both."""
    if not pattern:
        return not type_
    if pattern[0] == ">":
        return bool(type_)
    return bool(type_) and pattern[0] in ("*", type_[0]) and naive(pattern[1:], type_[1:])


@given(patterns, types)
def test_matching_follows_the_rule(pattern: str, type_: str) -> None:
    assert matches(parse_pattern(pattern), type_) == naive(pattern.split("."), type_.split("."))


@given(st.lists(patterns, max_size=20), types)
def test_the_index_finds_what_a_scan_finds(chosen: list[str], type_: str) -> None:
    index: PatternIndex[int] = PatternIndex()
    for number, pattern in enumerate(chosen):
        index.add(parse_pattern(pattern), number)
    scanned = [n for n, pattern in enumerate(chosen) if matches(parse_pattern(pattern), type_)]
    assert sorted(index.find(type_)) == scanned


@pytest.mark.parametrize("pattern", ["", ".", "a.", "a..b", ">.a", "a.>.b", "a b", "é", "a" * 256])
def test_a_malformed_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPatternError):
        parse_pattern(pattern)


@pytest.mark.parametrize("text", ["player.level_up", "a", "A-1.b_2"])
def test_plain_types_are_event_types(text: str) -> None:
    assert is_event_type(text)


@pytest.mark.parametrize("text", ["", "a.", ".a", "a.*", "a.>", "a b", "a\n", "玩家", "a" * 256])
def test_other_texts_are_no_event_types(text: str) -> None:
    assert not is_event_type(text)


def test_any_of_several_patterns_matches_whatever_was_asked_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_KNOWN_TYPES", 2)
    any_of = AnyPattern(["a.*", "b.>"])
    asked = ["a.x", "b.x.y", "c", "a.x.y", "b.x", "a.x"]
    assert [any_of(type_) for type_ in asked] == [True, True, False, False, True, True]
