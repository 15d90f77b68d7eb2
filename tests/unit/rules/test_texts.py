"""Texts of alerts: what a template makes of labels and a value."""

from __future__ import annotations

import numpy as np
import pytest

from event_system.kernel.errors import TemplateError
from event_system.promql.engine import Answer
from event_system.promql.ports import Samples, Series
from event_system.rules.model import AlertingRule
from event_system.rules.texts import Place, RuleTexts, check_text

PLACE = Place({"region": "eu"}, "https://node.example.org/es")
ROW = (("__name__", "temperature"), ("room", "北厅"))


def ask(query: str, moment_ms: int) -> Answer:
    values = np.array([float(moment_ms)])
    series = Series((("asked", query),), np.array([moment_ms]), values)
    return Answer("vector", Samples.of([series]))


def text(template: str, value: float = 3.5, moment_ms: int = 7_000) -> str:
    rule = AlertingRule("Hot", "x", annotations=(("text", template),))
    return RuleTexts(rule, PLACE).at(moment_ms, ask)(ROW, value)[1][0][1]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{{ printf "温度 %.1f °C" $value }}', "温度 3.5 °C"),
        (r'{{ printf "a\tb\"c\u00e9 %.0f" 1.0 }}', 'a\tb"cé 1'),
        ("{{ $labels.房间 }}", ""),
        ("{{ $labels.room }}: {{ $value }}", "北厅: 3.5"),
        ("{{ externalURL }} {{ pathPrefix }}", "https://node.example.org/es /es"),
        ("{{ now }}", "7"),
        ('{{ query "up" | first | label "asked" }}', "up"),
        ('{{ query "up" | first | value }}', "7000"),
    ],
)
def test_a_template_comes_to_its_text(template: str, expected: str) -> None:
    assert text(template) == expected


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ $labels.a.b }}", "`.b` is nothing here"),
        ('{{ "x" | humanize }}', "can't convert"),
        ('{{ query "up" | sortByLabel "a" | first | first }}', "rows of a query"),
        ("{{ $labels | value }}", "one row"),
        ("{{ 1 | stripPort }}", "wants text"),
        ('{{ query "nothing" | slice 5 }}', "slice"),
    ],
)
def test_a_template_that_fails_says_so_in_its_place(template: str, told: str) -> None:
    found = text(template)

    assert found.startswith("<error expanding template: ")
    assert told in found


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ $labels.a", "not closed"),
        ("{{ nothing $value }}", 'function "nothing" not defined'),
        ("{{ $label.a }}", r'undefined variable "\$label"'),
        ("{{ if $value }}", "end"),
    ],
)
def test_what_is_no_template_is_found_before_it_runs(template: str, told: str) -> None:
    with pytest.raises(TemplateError, match=told):
        check_text(template)


@pytest.mark.parametrize(
    "template",
    [
        "{{ $value }} {{ .Labels.a }} {{ $externalLabels.b }} {{ $externalURL }}",
        '{{ $x := 1 }}{{ range $i, $e := query "a" }}{{ $i }}{{ $x }}{{ $e.Value }}{{ end }}',
        "{{ if and true (or false true) }}{{ $.Value }}{{ end }}",
    ],
)
def test_what_is_a_template_is_none_the_worse_for_being_checked(template: str) -> None:
    check_text(template)


def test_a_row_of_the_same_value_keeps_its_texts_unless_they_ask_the_store() -> None:
    rule = AlertingRule(
        "A", "x", annotations=(("lasting", "{{ $value }}"), ("asks", '{{ query "up" | len }}'))
    )
    asked = []

    def counted(query: str, moment_ms: int) -> Answer:
        asked.append(moment_ms)
        return ask(query, moment_ms)

    texts = RuleTexts(rule, PLACE)
    for moment_ms in (1_000, 2_000):
        assert texts.at(moment_ms, counted)(ROW, 1.0)[1] == (("lasting", "1"), ("asks", "1"))

    assert asked == [1_000, 2_000]


def test_the_name_of_the_metric_is_in_the_templates_and_not_in_the_alert() -> None:
    rule = AlertingRule("Hot", "x", labels=(("metric", "{{ $labels.__name__ }}"), ("room", "")))

    labels, _ = RuleTexts(rule, PLACE).at(0, ask)(ROW, 1.0)

    assert labels == (("alertname", "Hot"), ("metric", "temperature"))
