from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from event_system.kernel.errors import ExpositionError
from event_system.promql.ports import Labels
from event_system.timeseries.collection.exposition import Exposition
from event_system.timeseries.collection.views import Metadata

NOW_MS = 1_800_000_000_000
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def final(given: dict[str, str]) -> Labels:
    return tuple(sorted((name, value) for name, value in given.items() if value))


def read(text: str, *, openmetrics: bool = False) -> dict[Labels, tuple[int, float]]:
    found = Exposition(final).read(text, NOW_MS, openmetrics=openmetrics)
    rows = zip(found.labels, found.times.tolist(), found.values.tolist(), strict=True)
    return {labels: (time, value) for labels, time, value in rows}


@given(st.dictionaries(st.tuples(TEXT, TEXT), st.floats(allow_nan=False), max_size=5))
@pytest.mark.parametrize("openmetrics", [False, True])
def test_what_the_reference_writes_is_read(
    openmetrics: bool, values: dict[tuple[str, str], float]
) -> None:
    registry = CollectorRegistry()
    gauge = Gauge("some_gauge", "Help with \\ and \n in it.", ["a", "b"], registry=registry)
    for (a, b), value in values.items():
        gauge.labels(a, b).set(value)
    write = generate_openmetrics if openmetrics else generate_latest
    exposition = Exposition(final)

    for _ in range(2):  # the second time from what is known
        found = exposition.read(write(registry).decode(), NOW_MS, openmetrics=openmetrics)

        assert dict(zip(found.labels, found.values.tolist(), strict=True)) == {
            final({"__name__": "some_gauge", "a": a, "b": b}): value
            for (a, b), value in values.items()
        }


@pytest.mark.parametrize(
    ("line", "labels", "value"),
    [
        ("up 1", {}, 1.0),
        ("up{} 1", {}, 1.0),
        ("  up  \t 1 ", {}, 1.0),
        ('up{a="b",} 1', {"a": "b"}, 1.0),
        ('up { a = "b" , c="}" } -Inf', {"a": "b", "c": "}"}, -math.inf),
        ('up{a="x y # z"} 1e3', {"a": "x y # z"}, 1000.0),
        ('up{a="\\"\\\\\\n"} 2', {"a": '"\\\n'}, 2.0),
        ('up{a="中文"} .5', {"a": "中文"}, 0.5),
    ],
)
def test_a_line_is_read(line: str, labels: dict[str, str], value: float) -> None:
    assert read(line + "\n") == {final({"__name__": "up", **labels}): (NOW_MS, value)}


def test_times_are_milliseconds_in_one_format_and_seconds_in_the_other() -> None:
    series = final({"__name__": "x"})

    assert read("x 1 1234\n") == {series: (1234, 1.0)}
    assert read("x 1 1.234\n# EOF\n", openmetrics=True) == {series: (1234, 1.0)}
    assert read('x 1 1.5 # {trace_id="a b"} 0.2 1.4\n# EOF', openmetrics=True) == {
        series: (1500, 1.0)
    }


def test_a_time_of_its_own_does_not_stay_with_the_series() -> None:
    exposition = Exposition(final)
    first = exposition.read("x 1 1234\ny 2\n", NOW_MS, openmetrics=False)
    second = exposition.read("y 3\nx 4\n", NOW_MS + 1, openmetrics=False)

    assert first.timed == {final({"__name__": "x"})}
    assert second.times.tolist() == [NOW_MS + 1, NOW_MS + 1]
    assert second.timed == set()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html><body>502</body></html>\n", "line 1"),
        ("x 1\ny\n", "line 2: a value"),
        ("x one\n", "is no number"),
        ("x 0x1p3\n", "is no number"),
        ("x 1_000\n", "is no number"),
        ("x 1 2 3\n", "a value, and at most a time"),
        ('x{a="b} 1\n', "line 1"),
        ('x{a="b",a="c"} 1\n', "two labels a"),
        ('x{1a="b"} 1\n', "no label at"),
        ("{a=1} 1\n", "no label at"),
        ('{a="b"} 1\n', "no metric name"),
        ("x 1 1e300\n", "is no time"),
        ("\x00\x01\x02\n", "line 1"),
    ],
)
def test_a_text_that_is_none_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ExpositionError, match=said):
        read(text)


@pytest.mark.parametrize("text", ["", "x 1\n", "x 1\n# EOF\nx 2\n"])
def test_openmetrics_that_does_not_end_is_not_whole(text: str) -> None:
    with pytest.raises(ExpositionError, match="not whole"):
        read(text, openmetrics=True)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = read(text)
    except ExpositionError:
        return
    assert all(dict(labels)["__name__"] for labels in found)


def test_a_value_that_only_python_reads_is_refused_of_a_known_series_too() -> None:
    exposition = Exposition(final)
    exposition.read("x 1\n", NOW_MS, openmetrics=False)

    with pytest.raises(ExpositionError, match="is no number"):
        exposition.read("x 1_000\n", NOW_MS, openmetrics=False)


def test_comments_tell_what_metrics_are() -> None:
    text = "# HELP x Some help.\n# TYPE x counter\n# UNIT x seconds\n#odd\n# TYPE y\nx 1\n"

    found = Exposition(final).read(text, NOW_MS, openmetrics=False).metadata

    assert found["x"] == Metadata("counter", "Some help.", "seconds")


def test_series_that_are_left_out_are_seen_and_not_kept() -> None:
    found = Exposition(lambda given: None).read("x 1\ny 2\n", NOW_MS, openmetrics=False)

    assert (found.labels, found.seen) == ([], 2)
