"""How many players there are just now."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.metrics import active
from event_system.metrics.active import MINUTES, Active


def test_a_player_counts_once_and_until_long_away() -> None:
    seen = Active()
    seen.turn(0)
    seen.see(["a", "b", "a"])
    seen.turn(60 * (MINUTES - 1))
    seen.see(["b"])
    assert len(seen) == 2

    seen.turn(60 * MINUTES)

    assert len(seen) == 1


def test_there_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(active, "MOST", 3)
    seen = Active()

    seen.see("abcdef")
    seen.see("abc")

    assert len(seen) == 3


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abcdef"))))
def test_those_are_active_who_were_seen_within_the_minutes(
    steps: list[tuple[int, str]],
) -> None:
    seen, last, minute = Active(), dict[str, int](), 0
    for passed, name in steps:
        minute += passed
        seen.turn(60.0 * minute)
        seen.see([name])
        last[name] = minute

    assert len(seen) == sum(at > minute - MINUTES for at in last.values())
