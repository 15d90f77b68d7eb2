"""Rule files and their unit tests mean to us what they mean to promtool."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from event_system.kernel.errors import RuleFileError
from event_system.promql.evaluator import Rules
from event_system.rules.files import read_rules
from event_system.rules.trial import run_tests

RULES = """
groups:
  - name: requests
    interval: 30s
    rules:
      - record: job:requests:rate5m
        expr: sum by (job) (rate(requests_total[5m]))
        labels: {team: core, version: 1.10}
      - record: job:errors:ratio
        expr: >
          sum by (job) (rate(requests_total{code="500"}[5m]))
            / on (job) job:requests:rate5m
      - alert: ManyErrors
        expr: job:errors:ratio > 0.2
        for: 3m
        labels: {severity: page, job: "{{ $labels.job }}-service"}
        annotations:
          summary: '{{ $labels.job }} has {{ $value | humanizePercentage }} errors'
          exact: '{{ printf "%.3f" $value }} of {{ $labels.nothing }}!'
      - alert: Gone
        expr: absent(requests_total{job="web"})
"""
INPUT = """
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    name: errors rise
    input_series:
      - {series: 'requests_total{job="api",code="200"}', values: '0+60x10 600x5 _x3 700+1x4'}
      - {series: 'requests_total{job="api",code="500"}', values: '0+0x4 10+30x11 stale'}
      - {series: 'other', values: '1 2 3 _ NaN Inf -Inf 1e3 -2+0.5x3 stale 7'}
"""
ALERTS = """
    alert_rule_test:
      - eval_time: 11m
        alertname: ManyErrors
        exp_alerts:
          - exp_labels: {job: api-service, severity: page}
            exp_annotations:
              summary: api has 38.46% errors
              exact: 0.385 of !
      - {eval_time: 2m, alertname: ManyErrors}
      - {eval_time: 5m, alertname: Gone, exp_alerts: [{exp_labels: {job: web}}]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules.yml").write_text(RULES, encoding="utf-8")
    return tmp_path


def said_by_both(folder: Path, text: str) -> tuple[bool, bool]:
    """Whether the tests pass: to us, to promtool."""
    file = folder / "test.yml"
    file.write_text(INPUT + text, encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yml"], cwd=folder, capture_output=True, check=False
    )
    return run_tests(file, Rules()) == [], done.returncode == 0


def query_test(query: str, moment: str, samples: str) -> str:
    line = f"{{expr: '{query}', eval_time: {moment}, exp_samples: [{samples}]}}"
    return f"    promql_expr_test:\n      - {line}\n"


@pytest.mark.service("prometheus")
@pytest.mark.parametrize(
    ("text", "passes"),
    [
        (ALERTS, True),
        (ALERTS.replace("38.46%", "38%"), False),
        (ALERTS.replace("eval_time: 11m", "eval_time: 5m"), False),
        (ALERTS.replace("severity: page", "severity: mail"), False),
        (query_test("job:requests:rate5m > 5", "9m", ""), True),
        (query_test("sum(job:requests:rate5m)", "4m", '{labels: "{}", value: 0.8}'), True),
        (query_test("sum(job:requests:rate5m)", "4m", '{labels: "{}", value: 1.1}'), False),
        (query_test("count_over_time(other[20m])", "20m", '{labels: "{}", value: 12}'), True),
        (query_test("count_over_time(other[20m])", "20m", '{labels: "{}", value: 13}'), False),
        (query_test("other", "11m30s", ""), False),
        (query_test("other", "12m30s", ""), True),
        (query_test("nothing", "5m", ""), True),
        (
            query_test(
                "ALERTS",
                "0m",
                '{labels: "ALERTS{alertname=\\"Gone\\",alertstate=\\"firing\\",job=\\"web\\"}", value: 1}',
            ),
            True,
        ),
        (query_test("job:errors:ratio", "40m", ""), True),
    ],
)
def test_unit_tests_pass_and_fail_alike(folder: Path, text: str, passes: bool) -> None:
    assert said_by_both(folder, text) == (passes, passes)


FAULTS = {
    "good": "groups: [{name: a, rules: [{record: b, expr: c}]}]",
    "empty": "",
    "numbers": "groups: [{name: 1, rules: [{record: b, expr: 1, labels: {a: 5, c: true}}]}]",
    "unknown member": "groups: [{name: a, colour: red, rules: [{record: b, expr: c}]}]",
    "two names": "groups: [{name: a, rules: []}, {name: a, rules: []}]",
    "no name": "groups: [{rules: [{record: b, expr: c}]}]",
    "bad query": "groups: [{name: a, rules: [{record: b, expr: 'sum('}]}]",
    "no query": "groups: [{name: a, rules: [{record: b}]}]",
    "both kinds": "groups: [{name: a, rules: [{record: b, alert: d, expr: c}]}]",
    "no kind": "groups: [{name: a, rules: [{expr: c}]}]",
    "bad metric": "groups: [{name: a, rules: [{record: 'b-c', expr: c}]}]",
    "bad label": "groups: [{name: a, rules: [{record: b, expr: c, labels: {'x-y': z}}]}]",
    "name as label": "groups: [{name: a, rules: [{record: b, expr: c, labels: {__name__: z}}]}]",
    "for in recording": "groups: [{name: a, rules: [{record: b, expr: c, for: 5m}]}]",
    "bad duration": "groups: [{name: a, rules: [{alert: b, expr: c, for: soon}]}]",
    "bad interval": "groups: [{name: a, interval: 5 minutes, rules: []}]",
    "no list": "groups: {name: a}",
    "no YAML": "groups: [",
    "annotations in recording": "groups: [{name: a, rules: [{record: b, expr: c, annotations: {d: e}}]}]",
}


@pytest.mark.service("prometheus")
@pytest.mark.parametrize("name", FAULTS)
def test_files_are_accepted_and_refused_alike(tmp_path: Path, name: str) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(FAULTS[name], encoding="utf-8")
    done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, check=False)
    try:
        read_rules(file)
        accepted = True
    except RuleFileError:
        accepted = False

    assert accepted is (done.returncode == 0), done.stderr.decode()


def test_every_fault_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(
        "groups: [{name: a, rules: [{record: 'b-c', expr: 'sum('}, {expr: x}]}]", encoding="utf-8"
    )

    with pytest.raises(RuleFileError) as caught:
        read_rules(file)

    assert len(caught.value.faults) == 3
