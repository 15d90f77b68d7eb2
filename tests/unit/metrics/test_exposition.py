"""The text that Prometheus reads, checked with its own parsers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from event_system.metrics.exposition import STEP, form_of, render, write
from event_system.metrics.manager import MetricsManager

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.fixture
def manager() -> MetricsManager:
    manager = MetricsManager()
    manager.register_counter("logins_total", "Logins.", "server").child("eu").add(3)
    manager.register_gauge("players", "Players.").child().set(2.5)
    manager.register_histogram("load_seconds", "Load.", buckets=(0.1, 1)).child().observe_many(
        [0.05, 0.1, 0.5, 7]
    )
    return manager


def samples(metrics: list[Metric]) -> dict[tuple[str, tuple[str, ...]], float]:
    return {(s.name, tuple(s.labels.values())): s.value for m in metrics for s in m.samples}


def text(manager: MetricsManager, accept: str = "") -> str:
    return render(manager, accept)[1].decode()


@pytest.mark.parametrize("accept", ["", "text/plain", "*/*", OPENMETRICS, PROMETHEUS_3])
def test_what_is_written_is_what_was_counted(manager: MetricsManager, accept: str) -> None:
    written = text(manager, accept)

    read = read_openmetrics if "# EOF" in written else read_text

    assert samples(list(read(written))) == {
        ("logins_total", ("eu",)): 3,
        ("players", ()): 2.5,
        ("load_seconds_bucket", ("0.1",)): 2,
        ("load_seconds_bucket", ("1.0",)): 3,
        ("load_seconds_bucket", ("+Inf",)): 4,
        ("load_seconds_count", ()): 4,
        ("load_seconds_sum", ()): 7.65,
    }


def test_the_accept_header_chooses_the_form(manager: MetricsManager) -> None:
    plain, _ = render(manager, "text/html,*/*;q=0.1")
    open_, body = render(manager, OPENMETRICS)

    assert plain == "text/plain; version=0.0.4; charset=utf-8"
    assert open_.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text; version=x", "text/plain;version=?.1", ";;;,=", "ä"]
)
def test_an_accept_header_that_makes_no_sense_gets_plain_text(
    manager: MetricsManager, accept: str
) -> None:
    assert render(manager, accept)[0].startswith("text/plain")


@given(st.text(max_size=60))
def test_no_accept_header_breaks_the_answer(accept: str) -> None:
    assert render(MetricsManager(), accept)[1]


def test_nothing_says_when_a_series_was_created(manager: MetricsManager) -> None:
    assert "_created" not in text(manager) + text(manager, OPENMETRICS)


@given(st.text(max_size=30))
def test_any_label_value_comes_back_as_it_was(value: str) -> None:
    manager = MetricsManager()
    manager.register_counter("logins_total", "Logins.", "server").child(value).add(1)

    (counter,) = (m for m in read_text(text(manager)) if m.name == "logins")

    assert [sample.labels["server"] for sample in counter.samples] == [value]


def test_exemplars_tell_the_trace_of_a_value_in_openmetrics_only(manager: MetricsManager) -> None:
    histogram = manager.register_histogram("took_seconds", "Took.", "of", buckets=(0.1, 1))
    child = histogram.child("b")
    histogram.child("a").observe(0.5)
    child.observe(0.5)
    child.exemplify(0.5, "4bf92f3577b34da6a3ce929d0e0e4736")

    read = list(map(read_openmetrics, [text(manager, OPENMETRICS)]))
    (took,) = (metric for metric in read[0] if metric.name == "took_seconds")

    told = {tuple(s.labels.values()): s.exemplar for s in took.samples if s.exemplar}
    assert {at: (e.labels["trace_id"], e.value) for at, e in told.items()} == {
        ("b", "1.0"): ("4bf92f3577b34da6a3ce929d0e0e4736", 0.5)
    }
    assert "trace_id" not in text(manager)


@pytest.mark.parametrize(("value", "written"), [(1e300, 1e300), (-0.0, 0), (2**53, 2**53)])
def test_large_and_small_numbers_come_back(value: float, written: float) -> None:
    manager = MetricsManager()
    manager.register_gauge("size", "Size.").child().set(value)

    assert samples(list(read_text(text(manager))))["size", ()] == written


@pytest.mark.parametrize(
    ("value", "written"), [(math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN")]
)
def test_what_is_no_finite_number_is_written_as_prometheus_does(value: float, written: str) -> None:
    manager = MetricsManager()
    manager.register_gauge("size", "Size.").child().set(value)

    assert f"\nsize {written}\n" in text(manager)
    assert f"\nsize {written}\n" in text(manager, OPENMETRICS)


def test_many_series_are_written_in_pieces_that_make_up_the_whole() -> None:
    manager = MetricsManager(max_children=3000)
    gauge = manager.register_gauge("wide", "Wide.", "at")
    for at in range(3000):
        gauge.child(str(at)).set(at)

    pieces = list(write(manager.each(), form_of("")))

    assert max(piece.count("\n") for piece in pieces) <= STEP
    found = samples(list(read_text("".join(pieces))))
    assert {int(labels[0]): v for (name, labels), v in found.items() if name == "wide"} == {
        at: at for at in range(3000)
    }


def test_the_process_wide_registry_of_the_library_is_not_used(manager: MetricsManager) -> None:
    assert REGISTRY.get_sample_value("players") is None
    assert "python_info" not in text(manager)


@given(st.text(max_size=200))
def test_whatever_a_trace_is_called_the_text_can_be_read(trace_id: str) -> None:
    manager = MetricsManager()
    child = manager.register_histogram("took_seconds", "Took.", buckets=(0.1, 1)).child()
    child.observe(math.inf)
    child.exemplify(0.5, trace_id.encode(errors="replace").decode())

    read = list(map(read_openmetrics, [text(manager, OPENMETRICS)]))

    (took,) = (metric for metric in read[0] if metric.name == "took_seconds")
    assert next(s.value for s in took.samples if s.name == "took_seconds_sum") == math.inf
