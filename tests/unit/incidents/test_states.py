from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.incidents.incident import OPEN, State
from event_system.incidents.levels import LEVELS, Level, level_of, worst
from event_system.incidents.states import TRANSITIONS, Action, after
from event_system.kernel.errors import IncidentTransitionError

STATES: tuple[State, ...] = get_args(State)
ACTIONS: tuple[Action, ...] = get_args(Action)
TEN_STEPS: tuple[tuple[Action, State], ...] = (
    ("classify", "classified"),
    ("notify", "notified"),
    ("acknowledge", "acknowledged"),
    ("analyse", "analysed"),
    ("mitigate", "mitigated"),
    ("update", "mitigated"),
    ("resolve", "resolved"),
    ("tell_recovery", "recovered"),
    ("close", "closed"),
)


def test_the_ten_steps_follow_each_other() -> None:
    state: State = "triggered"
    for action, expected in TEN_STEPS:
        state = after(state, action, "INC-1")
        assert state == expected


@given(st.sampled_from(STATES), st.sampled_from(ACTIONS))
def test_what_the_table_does_not_have_is_refused_with_what_can_be_done(
    state: State, action: Action
) -> None:
    if (state, action) in TRANSITIONS:
        assert after(state, action, "INC-1") in STATES
        return
    with pytest.raises(IncidentTransitionError) as raised:
        after(state, action, "INC-1")

    assert f"INC-1 is {state}" in raised.value.detail
    assert raised.value.code == "incident.transition"


@pytest.mark.parametrize("state", sorted(OPEN))
def test_an_open_incident_can_always_be_resolved(state: State) -> None:
    assert after(state, "resolve", "INC-1") == "resolved"


@pytest.mark.parametrize("state", ["closed", "merged"])
def test_nothing_follows_the_end(state: State) -> None:
    assert [action for before, action in TRANSITIONS if before == state] == []


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"level": "P1", "severity": "critical"}, "P1"),
        ({"severity": "critical"}, "P0"),
        ({"severity": "warning"}, "P2"),
        ({"severity": "info"}, "P3"),
        ({"level": "worst", "severity": "warning"}, "P2"),
        ({}, "P3"),
    ],
)
def test_an_alert_says_its_level(labels: dict[str, str], expected: Level) -> None:
    assert level_of(labels) == expected


@given(st.sampled_from(LEVELS), st.sampled_from(LEVELS))
def test_the_worst_level_is_the_lower_number(one: Level, other: Level) -> None:
    assert worst(one, other) == f"P{min(int(one[1]), int(other[1]))}"
