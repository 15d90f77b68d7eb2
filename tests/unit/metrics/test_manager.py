"""The register: names, labels, limits, values by name."""

from __future__ import annotations

import logging
import math
import sys
import threading

import pytest

from event_system.kernel.errors import MetricError
from event_system.metrics.families import FOLDED
from event_system.metrics.manager import MetricsManager


@pytest.fixture
def manager() -> MetricsManager:
    return MetricsManager()


def values(manager: MetricsManager, name: str) -> dict[tuple[str, ...], float]:
    """The current values of a counter or gauge."""
    return {at: row[0] for v in manager.collect() if v.spec.name == name for at, row in v.rows}


def test_a_custom_metric_of_the_documents_works(manager: MetricsManager) -> None:
    manager.register_counter("my_business_events", "业务事件计数", "event_type")

    manager.increment_counter("my_business_events", 1, "login")
    manager.increment_counter("my_business_events", 2, "login")

    assert values(manager, "my_business_events") == {("login",): 3}


def test_a_handle_and_the_name_reach_the_same_value(manager: MetricsManager) -> None:
    gauge = manager.register_gauge("players_online", "Players.", "server")

    gauge.child("eu").set(7)
    manager.set_gauge("players_online", 8, "us")

    assert values(manager, "players_online") == {("eu",): 7, ("us",): 8}


def test_a_histogram_observes_by_name(manager: MetricsManager) -> None:
    histogram = manager.register_histogram("load_seconds", "Load.", buckets=(1, 2, math.inf))

    manager.observe_histogram("load_seconds", 1.5)

    assert histogram.child().counts == [0, 1, 0]


def test_a_metric_without_labels_is_there_before_its_first_use(manager: MetricsManager) -> None:
    manager.register_counter("things_total", "Things.")

    assert values(manager, "things_total") == {(): 0}


def test_it_knows_which_names_are_taken(manager: MetricsManager) -> None:
    manager.register_counter("my_events", "Events.")

    assert "my_events" in manager
    assert "my_events_total" in manager
    assert "other" not in manager


@pytest.mark.parametrize("name", ["", "1st", "with-dash", "with space", "ünicode", "a\n"])
def test_a_name_that_prometheus_cannot_take_is_refused(manager: MetricsManager, name: str) -> None:
    with pytest.raises(MetricError, match="no metric name"):
        manager.register_gauge(name, "Help.")


@pytest.mark.parametrize("label", ["", "__reserved", "1st", "with-dash"])
def test_a_label_that_prometheus_cannot_take_is_refused(
    manager: MetricsManager, label: str
) -> None:
    with pytest.raises(MetricError, match="cannot be a label"):
        manager.register_gauge("fine", "Help.", label)


def test_the_same_label_twice_is_refused(manager: MetricsManager) -> None:
    with pytest.raises(MetricError, match="same name"):
        manager.register_gauge("fine", "Help.", "a", "a")


def test_a_histogram_cannot_have_the_label_of_its_buckets(manager: MetricsManager) -> None:
    with pytest.raises(MetricError, match="'le' cannot be a label"):
        manager.register_histogram("fine", "Help.", "le")


@pytest.mark.parametrize("buckets", [(), (math.inf,), (1, 1), (2, 1), (math.nan,), (1, math.nan)])
def test_buckets_have_to_rise(manager: MetricsManager, buckets: tuple[float, ...]) -> None:
    with pytest.raises(MetricError, match="buckets of fine have to rise"):
        manager.register_histogram("fine", "Help.", buckets=buckets)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("register_counter", ("register_counter", "taken")),
        ("register_counter", ("register_counter", "taken_total")),
        ("register_counter", ("register_gauge", "taken_total")),
        ("register_histogram", ("register_gauge", "taken_count")),
        ("register_gauge", ("register_histogram", "taken")),
    ],
)
def test_a_name_that_is_taken_is_refused(
    manager: MetricsManager, first: str, second: tuple[str, str]
) -> None:
    getattr(manager, first)("taken", "Help.")

    with pytest.raises(MetricError, match="which taken has"):
        getattr(manager, second[0])(second[1], "Help.")


def test_a_refused_registration_leaves_nothing_behind(manager: MetricsManager) -> None:
    manager.register_gauge("one_sum", "Help.")
    with pytest.raises(MetricError):
        manager.register_histogram("one", "Help.")

    manager.register_gauge("one", "Help.")

    assert "one_bucket" not in manager


@pytest.mark.parametrize(
    ("use", "name", "kind"),
    [
        ("increment_counter", "absent", "counter"),
        ("set_gauge", "things_total", "gauge"),
        ("observe_histogram", "things_total", "histogram"),
    ],
)
def test_a_metric_that_is_not_there_or_of_another_kind_is_named(
    manager: MetricsManager, use: str, name: str, kind: str
) -> None:
    manager.register_counter("things_total", "Things.")

    with pytest.raises(MetricError, match=f"no {kind} called {name}"):
        getattr(manager, use)(name, 1)


def test_too_few_and_too_many_label_values_are_refused(manager: MetricsManager) -> None:
    counter = manager.register_counter("things_total", "Things.", "kind")

    for wrong in ((), ("a", "b")):
        with pytest.raises(MetricError, match=r"has the labels \['kind'\]"):
            counter.child(*wrong)


@pytest.mark.parametrize("amount", [-1, math.nan, math.inf])
def test_a_counter_never_falls(manager: MetricsManager, amount: float) -> None:
    manager.register_counter("things_total", "Things.")

    with pytest.raises(MetricError, match="cannot grow by"):
        manager.increment_counter("things_total", amount)


def test_a_histogram_takes_numbers_only(manager: MetricsManager) -> None:
    manager.register_histogram("load_seconds", "Load.")

    with pytest.raises(MetricError, match="cannot take nan"):
        manager.observe_histogram("load_seconds", math.nan)


def test_label_sets_past_the_limit_share_one_child_and_are_counted() -> None:
    manager = MetricsManager(max_children=2)
    counter = manager.register_counter("things_total", "Things.", "kind", "place")

    for kind in ("a", "b", "c", "d", "a"):
        counter.child(kind, "x").add(1)

    assert values(manager, "things_total") == {
        ("a", "x"): 2,
        ("b", "x"): 1,
        (FOLDED, FOLDED): 2,
    }
    assert values(manager, "metrics_labels_folded_total") == {("things_total",): 2}


def test_a_function_is_asked_at_each_look(manager: MetricsManager) -> None:
    level = [1.0]
    manager.register_gauge_function("level", "Level.", lambda: level[0])

    before = values(manager, "level")
    level[0] = 2.0

    assert (before, values(manager, "level")) == ({(): 1.0}, {(): 2.0})


def test_a_function_tells_values_by_label_up_to_the_limit() -> None:
    manager = MetricsManager(max_children=2)
    manager.register_function(
        "gauge", "lag", "Lag.", ("listener",), lambda: {(name,): 1.0 for name in "abcd"}
    )

    assert values(manager, "lag") == {("a",): 1.0, ("b",): 1.0, (FOLDED,): 2.0}
    assert values(manager, "metrics_labels_folded_total") == {("lag",): 1}


def test_a_function_that_raises_costs_its_own_metric_only(
    manager: MetricsManager, caplog: pytest.LogCaptureFixture
) -> None:
    manager.register_gauge_function("broken", "Broken.", lambda: 1 / 0)
    manager.register_gauge("whole", "Whole.")

    with caplog.at_level(logging.WARNING):
        names = [[v.spec.name for v in manager.collect()] for _ in range(2)]

    assert all("whole" in found and "broken" not in found for found in names)
    assert values(manager, "metrics_callback_errors_total") == {("broken",): 2}
    assert [record.message for record in caplog.records] == [
        "the function of the metric broken failed"
    ]


def test_what_was_collected_does_not_change_any_more(manager: MetricsManager) -> None:
    counter = manager.register_counter("things_total", "Things.").child()
    histogram = manager.register_histogram("load_seconds", "Load.", buckets=(1,)).child()
    collected = {v.spec.name: v for v in manager.collect()}

    counter.add(1)
    histogram.observe(0.5)

    assert collected["things_total"].rows == [((), (0,))]
    assert collected["load_seconds"].rows == [((), [0, 0, 0, 0.0])]


def test_a_label_value_that_is_no_text_becomes_one(manager: MetricsManager) -> None:
    counter = manager.register_counter("things_total", "Things.", "kind")

    counter.child("\ud800").add(1)
    counter.child("\ud800").add(1)

    assert values(manager, "things_total") == {("?",): 2}


def test_specs_come_ordered_by_name(manager: MetricsManager) -> None:
    manager.register_gauge("a_gauge", "First.")

    names = [spec.name for spec in manager.specs()]

    assert names == sorted(names)
    assert names[0] == "a_gauge"


def test_samples_are_series_with_ordered_labels_and_their_values(manager: MetricsManager) -> None:
    manager.register_counter("logins", "Logins.", "server", "kind").child("eu", "new").add(3)
    manager.register_histogram("load_seconds", "Load.", buckets=(0.5,)).child().observe(2)

    found = dict(manager.samples())

    assert found["logins_total", (("kind", "new"), ("server", "eu"))] == 3
    assert found["load_seconds_bucket", (("le", "0.5"),)] == 0
    assert found["load_seconds_bucket", (("le", "+Inf"),)] == 1
    assert (found["load_seconds_count", ()], found["load_seconds_sum", ()]) == (1, 2)


def test_a_series_has_the_same_key_each_time(manager: MetricsManager) -> None:
    manager.register_gauge_function("level", "Level.", lambda: 1.0)
    manager.register_counter("logins_total", "Logins.", "server").child("eu")

    first, second = [[key for key, _ in manager.samples()] for _ in range(2)]

    assert [id(key) for key in first] == [id(key) for key in second]


def test_no_change_is_lost_whichever_threads_make_them(manager: MetricsManager) -> None:
    """With the interpreter changing threads as often as it can."""
    threads, each = 4, 2000
    counter = manager.register_counter("things_total", "Things.", "kind")
    histogram = manager.register_histogram("load_seconds", "Load.", buckets=(1,))

    def work() -> None:
        for at in range(each):
            manager.increment_counter("things_total", 1, str(at % 50))
            manager.observe_histogram("load_seconds", 0.5)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers):
            manager.collect()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(before)

    assert sum(counter.child(str(at)).value for at in range(50)) == threads * each
    assert histogram.child().count == threads * each


def test_reserved_names_are_refused_from_then_on(manager: MetricsManager) -> None:
    manager.register_gauge("chain_height", "Height.")
    manager.reserve(("chain_",))

    with pytest.raises(MetricError, match="kept for the node's own"):
        manager.register_counter("chain_blocks_total", "Blocks.")

    assert "chain_blocks_total" not in manager
