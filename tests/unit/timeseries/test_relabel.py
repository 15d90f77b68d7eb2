from __future__ import annotations

import pytest

from event_system.timeseries.collection.jobs import ScrapeJob, targets_of
from event_system.timeseries.collection.relabel import Relabel, relabelled

GIVEN = {"__name__": "x", "a": "one", "b": "Two", "c": "one"}


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (Relabel(source_labels=("a",), target_label="d"), {**GIVEN, "d": "one"}),
        (
            Relabel(
                source_labels=("a", "b"),
                regex="(.)(.*);(?P<r>.+)",
                target_label="d$1",
                replacement="${r}-$2-$$1-$9",
            ),
            {**GIVEN, "do": "Two-ne-$1-"},
        ),
        (Relabel(source_labels=("a",), regex="on", target_label="d"), GIVEN),
        (
            Relabel(source_labels=("a",), target_label="a", replacement=""),
            {k: v for k, v in GIVEN.items() if k != "a"},
        ),
        (Relabel("keep", ("a",), regex="o.*"), GIVEN),
        (Relabel("keep", ("a",), regex="o"), None),
        (Relabel("drop", ("a",), regex="one"), None),
        (Relabel("keepequal", ("a",), target_label="c"), GIVEN),
        (Relabel("keepequal", ("a",), target_label="b"), None),
        (Relabel("dropequal", ("a",), target_label="c"), None),
        (Relabel("labeldrop", regex="[ac]"), {"__name__": "x", "b": "Two"}),
        (Relabel("labelkeep", regex="__name__|a"), {"__name__": "x", "a": "one"}),
        (
            Relabel("labelmap", regex="(a|b)", replacement="my_$1"),
            {**GIVEN, "my_a": "one", "my_b": "Two"},
        ),
        (Relabel("lowercase", ("b",), target_label="b"), {**GIVEN, "b": "two"}),
        (Relabel("uppercase", ("a",), target_label="u"), {**GIVEN, "u": "ONE"}),
    ],
)
def test_a_rule_does_what_prometheus_does(rule: Relabel, wanted: dict[str, str] | None) -> None:
    assert relabelled(dict(GIVEN), [rule]) == wanted


def test_hashmod_takes_the_low_half_of_the_md5() -> None:
    """As a number of 8 bytes, the first one the highest."""
    rule = Relabel("hashmod", ("a",), target_label="d", modulus=1000)

    assert relabelled({"a": "foo"}, [rule]) == {"a": "foo", "d": "696"}


def test_targets_get_their_labels_and_url() -> None:
    job = ScrapeJob(
        "j",
        ((("h:1", "h:2"), (("env", "x"), ("__metrics_path__", "/m"))), (("h:1",), ())),
        params=(("p", "1"), ("p", "2")),
        relabel=(
            Relabel("drop", ("__address__",), regex="h:2"),
            Relabel(source_labels=("__param_p",), target_label="first"),
        ),
    )

    found = list(targets_of(job))

    assert [(target.url, dict(target.labels)) for target in found] == [
        ("http://h:1/m?p=1&p=2", {"env": "x", "first": "1", "instance": "h:1", "job": "j"}),
        ("http://h:1/metrics?p=1&p=2", {"first": "1", "instance": "h:1", "job": "j"}),
    ]


@pytest.mark.parametrize(
    ("honor", "wanted"),
    [
        (False, {"job": "j", "instance": "h:1", "exported_job": "own", "__name__": "x"}),
        (True, {"job": "own", "instance": "h:1", "__name__": "x"}),
    ],
)
def test_labels_that_target_and_series_both_have(honor: bool, wanted: dict[str, str]) -> None:
    (target,) = targets_of(ScrapeJob("j", ((("h:1",), ()),), honor_labels=honor))

    found = target.final({"__name__": "x", "job": "own"})

    assert found is not None
    assert dict(found) == wanted


def test_a_series_that_loses_its_name_is_left_out() -> None:
    job = ScrapeJob("j", ((("h:1",), ()),), metric_relabel=(Relabel("labeldrop", regex="__.*"),))
    (target,) = targets_of(job)

    assert target.final({"__name__": "x"}) is None
