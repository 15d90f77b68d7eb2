"""Few are asked, and never too few."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from event_system.alerting.matchers import Matcher, all_match
from event_system.alerting.shelves import Shelves

NAMES = st.sampled_from("ab")
VALUES = st.sampled_from(["", "x", "y", "x|y", "x|", ".*", "x.*", "[xy]", "|"])
OPERATORS = st.sampled_from(["=", "!=", "=~", "!~"])
MATCHERS = st.lists(st.builds(Matcher, NAMES, OPERATORS, VALUES), min_size=1, max_size=3)
LABELS = st.dictionaries(NAMES, st.sampled_from(["x", "y", "xy", "x|y"]))


@given(st.lists(MATCHERS, max_size=5), st.sets(st.integers(0, 4)), LABELS)
def test_what_matches_is_a_candidate_once_and_what_is_dropped_is_none(
    sets: list[list[Matcher]], dropped: set[int], labels: dict[str, str]
) -> None:
    shelves: Shelves[int] = Shelves()
    for key, matchers in enumerate(sets):
        shelves.put(key, tuple(matchers))
    for key in dropped & set(range(len(sets))):
        shelves.drop(key, tuple(sets[key]))
    found = list(shelves.candidates(labels))

    assert len(found) == len(set(found))
    matching = {key for key, matchers in enumerate(sets) if all_match(matchers, labels)}
    assert matching - dropped <= set(found)
    assert not dropped & set(found)


def test_those_for_other_values_are_not_asked() -> None:
    shelves: Shelves[str] = Shelves()
    shelves.put("equal", (Matcher("a", "=", "x"),))
    shelves.put("either", (Matcher("a", "=~", "x|y"),))
    shelves.put("any", (Matcher("a", "=~", ".+"),))

    assert set(shelves.candidates({"a": "y"})) == {"either", "any"}
    assert set(shelves.candidates({"a": "z"})) == {"any"}
