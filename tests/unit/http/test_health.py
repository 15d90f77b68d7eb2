from __future__ import annotations

import pytest

from event_system.http.health import Health, State


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], "ok"),
        (["ok", "ok"], "ok"),
        (["ok", "degraded"], "degraded"),
        (["down", "degraded", "ok"], "down"),
    ],
)
def test_a_node_is_as_well_as_its_worst_component(states: list[State], expected: str) -> None:
    health = Health({f"c{number}": state for number, state in enumerate(states)})

    assert health.status == expected


def test_the_components_in_a_state_are_named() -> None:
    health = Health({"a": "ok", "b": "down", "c": "down"})

    assert health.those("down") == ["b", "c"]
