"""Recording rules: what is stored, in which order, and how series end."""

from __future__ import annotations

import numpy as np
import pytest

from event_system.kernel.errors import RuleFileError
from event_system.promql.engine import Answer, Limits, at, evaluate
from event_system.promql.ports import STALE_BITS, Labels
from event_system.rules.evaluation import GroupState
from event_system.rules.memory import SeriesInMemory
from event_system.rules.model import Group, RecordingRule, Rule
from event_system.rules.notation import labels_from, values_from
from event_system.rules.ports import Sample

UP: Labels = (("__name__", "up"), ("job", "a"))
OTHER: Labels = (("__name__", "up"), ("job", "b"))


class World(SeriesInMemory):
    """Series that rules are evaluated over."""

    def ask(self, query: str, moment_ms: int) -> Answer:
        return evaluate(self, Limits(), at(query, moment_ms), lambda: None)

    def evaluate(self, state: GroupState, moment_ms: int) -> None:
        state.rules = state.evaluated(moment_ms, self.ask, self, lambda: 0.0)

    def names(self, moment_ms: int) -> list[str]:
        found = self.ask('{__name__=~".+"}', moment_ms).series
        return sorted(dict(series.labels)["__name__"] for series in found)


def group(*rules: Rule, limit: int = 0) -> GroupState:
    return GroupState(Group("g", "f", rules, limit=limit))


def test_a_rule_sees_what_the_one_before_it_stored() -> None:
    world = World()
    world.append([Sample(UP, 0, 2.0)])
    state = group(RecordingRule("one", "up * 3"), RecordingRule("two", "one + 1", (("x", "y"),)))

    world.evaluate(state, 1000)

    stored = world.ask("two", 1000).series[0]
    assert stored.labels == (("__name__", "two"), ("job", "a"), ("x", "y"))
    assert stored.values.tolist() == [7.0]


def test_a_series_that_a_rule_gives_no_more_ends() -> None:
    world, state = World(), group(RecordingRule("high", "up > 1"))
    world.append([Sample(UP, 0, 2.0)])
    world.evaluate(state, 1000)
    world.append([Sample(UP, 2000, 0.0)])
    world.evaluate(state, 3000)

    assert world.names(2500) == ["high", "up"]
    assert world.names(3000) == ["up"]
    last = world.select((), 3000, 3000, 10).values
    assert last.view(np.uint64).tolist() == [STALE_BITS]


def test_a_rule_that_fails_is_told_and_holds_up_no_other() -> None:
    world = World()
    world.append([Sample(UP, 0, 1.0), Sample(OTHER, 0, 1.0)])
    state = group(
        RecordingRule("bad", "up", (("job", "same"),)),
        RecordingRule("worse", "up + on () up"),
        RecordingRule("good", "sum(up)"),
    )

    world.evaluate(state, 0)

    assert world.names(0) == ["good", "up", "up"]
    assert ["same labelset" in str(one.error) for one in state.rules] == [True, False, False]
    assert [one.error is None for one in state.rules] == [False, False, True]


def test_a_rule_over_the_groups_limit_stores_nothing() -> None:
    world, state = World(), group(RecordingRule("copy", "up"), limit=1)
    world.append([Sample(UP, 0, 1.0), Sample(OTHER, 0, 1.0)])

    world.evaluate(state, 0)

    assert "limit" in str(state.rules[0].error)
    assert world.names(0) == ["up", "up"]


def test_the_end_of_a_group_ends_its_series() -> None:
    world, state = World(), group(RecordingRule("copy", "up"))
    world.append([Sample(UP, 0, 1.0)])
    world.evaluate(state, 0)

    state.end(1000, world)

    assert world.names(1000) == ["up"]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1 2 _ 3", [1.0, 2.0, None, 3.0]),
        ("1+2x3", [1.0, 3.0, 5.0, 7.0]),
        ("10-5x2", [10.0, 5.0, 0.0]),
        ("-1.5x1 _x2", [-1.5, -1.5, None, None]),
        ("0x2 1e2 Inf -Inf", [0.0, 0.0, 0.0, 100.0, float("inf"), float("-inf")]),
        ("", []),
    ],
)
def test_values_are_written_as_a_short_program(text: str, values: list[float | None]) -> None:
    assert values_from(text) == values


@pytest.mark.parametrize("text", ["x", "1+2", "1x", "_1", "1x9999999", "1x99999999999", "{{}}"])
def test_values_that_are_none_are_named(text: str) -> None:
    with pytest.raises(RuleFileError):
        values_from(text)


@pytest.mark.parametrize("text", ["{a!='b'}", "x[5m]", "sum(x)", "x{"])
def test_a_series_that_is_none_is_named(text: str) -> None:
    with pytest.raises(RuleFileError):
        labels_from(text)


def test_an_error_that_nobody_foresaw_is_its_rules_alone() -> None:
    world = World()
    world.append([Sample(UP, 0, 2.0)])
    state = group(RecordingRule("one", "up * 3"), RecordingRule("two", "up + 1"))

    def ask(query: str, moment_ms: int) -> Answer:
        if query == "up * 3":
            raise MemoryError("too large")
        return world.ask(query, moment_ms)

    state.rules = state.evaluated(1000, ask, world, lambda: 0.0)

    assert [each.error is None for each in state.rules] == [False, True]
    assert "MemoryError: too large" in str(state.rules[0].error)
    assert world.names(1000) == ["two", "up"]
