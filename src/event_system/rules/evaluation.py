"""Evaluates the rules of one group, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from event_system.kernel.errors import EventSystemError, RuleFailedError, StorageError
from event_system.promql.ports import Labels
from event_system.rules.alerts import Alert, advanced
from event_system.rules.model import AlertingRule, Group, RecordingRule
from event_system.rules.ports import Ask, SampleSink
from event_system.rules.recording import endings, recorded
from event_system.rules.showing import shown
from event_system.rules.texts import NOWHERE, Place, RuleTexts

SPARED: Final = 2
"""Evaluations after a start in which alerts do not end: by then gaps in series are closed."""


@dataclass(frozen=True, slots=True)
class RuleState:
    """How a rule did the last time: the series or alerts that it gave, and its error.

    `spared` is how many evaluations are still to come in which no alert ends.
    """

    series: frozenset[Labels] = frozenset()
    alerts: Mapping[Labels, Alert] = field(default_factory=dict)
    error: EventSystemError | None = None
    evaluated: bool = False
    seconds: float = 0.0
    spared: int = 0


@dataclass(slots=True)
class GroupState:
    """A group on its way: a state for each rule."""

    group: Group
    place: Place = NOWHERE
    rules: list[RuleState] = field(init=False)
    _texts: list[RuleTexts | None] = field(init=False)

    def __post_init__(self) -> None:
        self.rules = [RuleState() for _ in self.group.rules]
        self._texts = [
            RuleTexts(rule, self.place) if isinstance(rule, AlertingRule) else None
            for rule in self.group.rules
        ]

    def evaluated(
        self, time_ms: int, ask: Ask, sink: SampleSink, monotonic: Callable[[], float]
    ) -> list[RuleState]:
        """The states after evaluating each rule and storing its result; the next one sees it.

        A rule that fails stores nothing, keeps its series open and its alerts, and holds up no
        other.
        """
        return [
            self._of(number, partial(self._rule, number, time_ms, ask, sink), monotonic)
            for number in range(len(self.rules))
        ]

    def _of(
        self, number: int, work: Callable[[], RuleState], monotonic: Callable[[], float]
    ) -> RuleState:
        rule, began = self.group.rules[number], monotonic()
        try:
            state = work()
        except EventSystemError as error:
            state = replace(self.rules[number], error=error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            told = RuleFailedError(f"{rule.name}: {type(error).__name__}: {error}")
            state = replace(self.rules[number], error=told)
        return replace(state, evaluated=True, seconds=monotonic() - began)

    def _rule(self, number: int, time_ms: int, ask: Ask, sink: SampleSink) -> RuleState:
        rule, state, texts = self.group.rules[number], self.rules[number], self._texts[number]
        answer = ask(rule.query, time_ms)
        if isinstance(rule, RecordingRule):
            samples = recorded(rule, answer, self.group.limit)
            series = frozenset(sample.labels for sample in samples)
            sink.append([*samples, *endings(state.series, series, time_ms)])
            return RuleState(series)
        assert texts is not None
        alerts = advanced(
            rule, texts.at(time_ms, ask), state.alerts, answer, time_ms, spares=state.spared > 0
        )
        active = sum(alert.state != "resolved" for alert in alerts.values())
        if self.group.limit and active > self.group.limit:
            sink.append(shown(state.alerts, {}, time_ms))
            told = f"{rule.name}: exceeded limit of {self.group.limit} with {active} alerts"
            return RuleState(error=RuleFailedError(told))
        after = RuleState(alerts=alerts, spared=max(0, state.spared - 1))
        try:
            sink.append(shown(state.alerts, alerts, time_ms))
        except StorageError as error:  # a full disk is to be told of, too
            return replace(after, error=error)
        return after

    def end(self, time_ms: int, sink: SampleSink) -> None:
        """Mark the end of every series, as the group is evaluated no more."""
        for state in self.rules:
            sink.append(endings(state.series, (), time_ms))
            sink.append(shown(state.alerts, {}, time_ms))
