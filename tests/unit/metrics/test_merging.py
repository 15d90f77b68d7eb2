"""Several processes' metrics as one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_system.metrics.manager import MetricsManager
from event_system.metrics.merging import Change, Changes, Merged

WORKERS = (1, 2, 3)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(WORKERS),
        st.sampled_from(["count", "level", "size", "tell", "end"]),
        st.sampled_from("ab"),
        st.integers(0, 20),
    )
)


def registered() -> MetricsManager:
    manager = MetricsManager()
    manager.register_counter("calls_total", "Calls.", "kind")
    manager.register_gauge("level", "Level.", "kind")
    manager.register_histogram("size", "Size.", "kind", buckets=(1, 10))
    return manager


class Crew:
    """Workers, the node, and what the node has to come to."""

    def __init__(self) -> None:
        self.node = registered()
        self.merged = Merged(self.node)
        self.workers = dict[int, tuple[MetricsManager, Changes]]()
        for worker in WORKERS:
            self.begin(worker)

    def begin(self, worker: int) -> None:
        manager = registered()
        self.workers[worker] = manager, Changes(manager)

    def step(self, worker: int, what: str, kind: str, number: int) -> None:
        manager, changes = self.workers[worker]
        if what == "count":
            manager.increment_counter("calls_total", number, kind)
        elif what == "level":
            manager.set_gauge("level", number, kind)
        elif what == "size":
            manager.observe_histogram("size", number, kind)
        elif what == "tell":
            self.merged.take(worker, changes.take())
        else:
            self.merged.take(worker, changes.take())
            self.merged.gone(worker)
            self.begin(worker)

    def value(self, name: str, kind: str) -> float:
        return dict(self.node.samples()).get((name, (("kind", kind),)), 0)


@given(STEPS)
def test_the_node_has_the_sum_of_all_that_was_told(
    steps: list[tuple[int, str, str, int]],
) -> None:
    crew = Crew()
    for step in steps:
        crew.step(*step)
    for worker in WORKERS:
        crew.step(worker, "tell", "a", 0)

    for kind in "ab":
        counted = [n for _, what, at, n in steps if (what, at) == ("count", kind)]
        sizes = [n for _, what, at, n in steps if (what, at) == ("size", kind)]
        levels = [_last_level(steps, worker, kind) for worker in WORKERS]
        assert crew.value("calls_total", kind) == sum(counted)
        assert (crew.value("size_count", kind), crew.value("size_sum", kind)) == (
            len(sizes),
            sum(sizes),
        )
        assert crew.value("level", kind) == sum(levels)


def _last_level(steps: list[tuple[int, str, str, int]], worker: int, kind: str) -> int:
    level = 0
    for by, what, at, number in steps:
        if by == worker and (what == "end" or (what, at) == ("level", kind)):
            level = 0 if what == "end" else number
    return level


@given(STEPS)
def test_a_total_never_falls(steps: list[tuple[int, str, str, int]]) -> None:
    crew, before = Crew(), 0.0
    for step in steps:
        crew.step(*step)
        assert crew.value("calls_total", "a") >= before
        before = crew.value("calls_total", "a")


@pytest.mark.parametrize(
    "change",
    [
        ("absent_total", ("a",), 1, []),
        ("calls_total", (), 1, []),
        ("calls_total", ("a", "b"), 1, []),
        ("calls_total", ("a",), -1, []),
        ("calls_total", ("a",), math.nan, []),
        ("level", ("a",), math.inf, []),
        ("size", ("a",), 1, [1]),
        ("size", ("a",), 1, [1, -1, 0]),
        ("size", ("a",), math.nan, [1, 1, 0]),
    ],
)
def test_what_does_not_fit_is_left_out(change: Change) -> None:
    crew = Crew()

    crew.merged.take(1, [change, ("calls_total", ("a",), 2, [])])
    crew.merged.gone(1)

    assert crew.value("calls_total", "a") == 2
    assert crew.value("size_count", "a") == 0


def test_nothing_is_told_where_nothing_changed() -> None:
    manager, changes = Crew().workers[1]
    manager.increment_counter("calls_total", 1, "a")

    assert changes.take() == [("calls_total", ("a",), 1, [])]
    assert changes.take() == []
