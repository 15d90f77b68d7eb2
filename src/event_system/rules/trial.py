"""Unit tests of rules: promtool's files, run over made-up series that begin at time 0."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from event_system.kernel.errors import EventSystemError, RuleFileError
from event_system.promql.engine import Answer, Limits, at, evaluate
from event_system.promql.evaluator import Rules
from event_system.promql.numbers import number_of, plain
from event_system.promql.operators import text_of
from event_system.promql.ports import Labels
from event_system.rules.evaluation import GroupState
from event_system.rules.files import duration_ms, read_rules, read_yaml
from event_system.rules.memory import SeriesInMemory
from event_system.rules.model import Group
from event_system.rules.notation import labels_from, values_from
from event_system.rules.ports import Sample
from event_system.rules.texts import Place

MOST_STEPS: Final = 1_000_000
"""Evaluations of the groups in one test."""
_CLOSE: Final = 1e-12


class _Sample(msgspec.Struct, forbid_unknown_fields=True):
    value: str = "0"
    labels: str = "{}"
    histogram: str = ""


class _QueryTest(msgspec.Struct, forbid_unknown_fields=True):
    expr: str
    eval_time: str = "0"
    exp_samples: list[_Sample] = []


class _Expected(msgspec.Struct, forbid_unknown_fields=True):
    exp_labels: dict[str, str] = {}
    exp_annotations: dict[str, str] = {}


class _AlertTest(msgspec.Struct, forbid_unknown_fields=True):
    alertname: str
    eval_time: str = "0"
    exp_alerts: list[_Expected] = []


class _Input(msgspec.Struct, forbid_unknown_fields=True):
    series: str
    values: str


class _Test(msgspec.Struct, forbid_unknown_fields=True):
    interval: str = ""
    input_series: list[_Input] = []
    name: str = ""
    alert_rule_test: list[_AlertTest] = []
    promql_expr_test: list[_QueryTest] = []
    external_labels: dict[str, str] = {}
    external_url: str = ""


class _TestFile(msgspec.Struct, forbid_unknown_fields=True):
    rule_files: list[str] = []
    evaluation_interval: str = "1m"
    group_eval_order: list[str] = []
    tests: list[_Test] = []
    fuzzy_compare: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """What one test expected, and what came."""

    test: str
    what: str
    expected: tuple[str, ...]
    got: tuple[str, ...]


def run_tests(path: Path, rules: Rules) -> list[Failure]:
    """The failures of a test file; none if all is as expected. Raises `RuleFileError`."""
    found: _TestFile = read_yaml(path, _TestFile)
    groups = _groups(path, found)
    step_ms = _duration(found.evaluation_interval)
    if step_ms <= 0:
        raise RuleFileError("evaluation_interval has to be longer than nothing", where=str(path))
    failures: list[Failure] = []
    for number, test in enumerate(found.tests, 1):
        name = test.name or f"test {number}"
        try:
            failures.extend(_Trial(test, name, groups, step_ms, rules).run())
        except RuleFileError as error:
            raise RuleFileError(f"{path}, {name}: {error.detail}", where=str(path)) from error
    return failures


def _groups(path: Path, found: _TestFile) -> list[Group]:
    groups: list[Group] = []
    for pattern in found.rule_files:
        place = Path(pattern)
        files = [place] if place.is_absolute() else sorted(path.parent.glob(pattern))
        if not files:
            raise RuleFileError(f"no file matches {pattern!r} of rule_files", where=str(path))
        for file in files:
            groups.extend(read_rules(file))
    order = {name: place for place, name in enumerate(found.group_eval_order)}
    return sorted(groups, key=lambda group: order.get(group.name, len(order)))


def _duration(text: str) -> int:
    try:
        return duration_ms(text)
    except EventSystemError as error:
        raise RuleFileError(error.detail) from error


class _Trial:
    """One test: its series are laid, its groups evaluated, its expectations looked at."""

    def __init__(
        self, test: _Test, name: str, groups: list[Group], step_ms: int, rules: Rules
    ) -> None:
        self._test = test
        self._name = name
        self._step_ms = step_ms
        self._limits = Limits(rules=rules)
        self._world = SeriesInMemory()
        place = Place(test.external_labels, test.external_url)
        self._states = [GroupState(group, place) for group in groups]

    def run(self) -> Iterator[Failure]:
        """The failures."""
        self._lay_series()
        yield from self._walk()
        for test in self._test.promql_expr_test:
            yield from self._query(test)

    def _lay_series(self) -> None:
        interval_ms = _duration(self._test.interval) or self._step_ms
        for given in self._test.input_series:
            labels = labels_from(given.series)
            self._world.append(
                [
                    Sample(labels, place * interval_ms, value)
                    for place, value in enumerate(values_from(given.values))
                    if value is not None
                ]
            )

    def _walk(self) -> Iterator[Failure]:
        """Evaluate the groups until the last moment that is asked for, and look at alerts."""
        wanted = sorted(self._test.alert_rule_test, key=lambda test: _duration(test.eval_time))
        times = [test.eval_time for test in wanted]
        times += [test.eval_time for test in self._test.promql_expr_test]
        last_ms = max(map(_duration, times), default=0)
        if last_ms // self._step_ms > MOST_STEPS:
            raise RuleFileError(f"the groups would be evaluated more than {MOST_STEPS} times")
        for moment_ms in range(0, last_ms + 1, self._step_ms):
            yield from self._evaluate(moment_ms)
            while wanted and _duration(wanted[0].eval_time) < moment_ms + self._step_ms:
                yield from self._alerts_at(wanted.pop(0))

    def _ask(self, query: str, moment_ms: int) -> Answer:
        return evaluate(self._world, self._limits, at(query, moment_ms), lambda: None)

    def _evaluate(self, moment_ms: int) -> Iterator[Failure]:
        for state in self._states:
            state.rules = state.evaluated(moment_ms, self._ask, self._world, lambda: 0.0)
            for rule, one in zip(state.group.rules, state.rules, strict=True):
                if one.error is not None:
                    what = f"rule {rule.name} at {moment_ms / 1000:g} s"
                    yield Failure(self._name, what, (), (one.error.detail,))

    def _alerts_at(self, test: _AlertTest) -> Iterator[Failure]:
        expected = sorted(
            _alert_text({"alertname": test.alertname, **each.exp_labels}, each.exp_annotations)
            for each in test.exp_alerts
        )
        got = sorted(
            _alert_text(dict(alert.labels), dict(alert.annotations))
            for state in self._states
            for rule in state.rules
            for alert in rule.alerts.values()
            if alert.state == "firing" and dict(alert.labels)["alertname"] == test.alertname
        )
        if expected != got:
            what = f"alert {test.alertname} at {test.eval_time}"
            yield Failure(self._name, what, tuple(expected), tuple(got))

    def _query(self, test: _QueryTest) -> Iterator[Failure]:
        what = f"expr {test.expr!r} at {test.eval_time}"
        expected = [(labels_from(each.labels), _value(each)) for each in test.exp_samples]
        try:
            answer = self._ask(test.expr, _duration(test.eval_time))
        except EventSystemError as error:
            yield Failure(self._name, what, _texts(expected), (error.detail,))
            return
        got = [(series.labels, float(series.values[-1])) for series in answer.series]
        if not _agree(sorted(expected), sorted(got)):
            yield Failure(self._name, what, _texts(expected), _texts(got))


def _alert_text(labels: dict[str, str], annotations: dict[str, str]) -> str:
    shown = (text_of(tuple(sorted(texts.items()))) for texts in (labels, annotations))
    return " ".join(shown)


def _value(sample: _Sample) -> float:
    if sample.histogram:
        raise RuleFileError("native histograms are not supported")
    value = number_of(sample.value)
    if value is None:
        raise RuleFileError(f"the value {sample.value[:80]!r} is no number")
    return value


def _agree(expected: list[tuple[Labels, float]], got: list[tuple[Labels, float]]) -> bool:
    if [labels for labels, _ in expected] != [labels for labels, _ in got]:
        return False
    pairs = zip(expected, got, strict=True)
    return all(_same(one, other) for (_, one), (_, other) in pairs)


def _same(one: float, other: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return math.isclose(one, other, rel_tol=_CLOSE)


def _texts(samples: list[tuple[Labels, float]]) -> tuple[str, ...]:
    return tuple(f"{text_of(labels)} {plain(value)}" for labels, value in sorted(samples))
