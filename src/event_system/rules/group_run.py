"""One group on a node: its turns, its alerts, and what is owed of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple
from zlib import crc32

from event_system.promql.ports import Labels
from event_system.rules.alerts import Alert
from event_system.rules.evaluation import SPARED, GroupState, RuleState
from event_system.rules.keeping import Kept, alert_key, changes, rule_keys
from event_system.rules.model import Group, RecordingRule
from event_system.rules.ports import AlertReport
from event_system.rules.telling import Teller, Told
from event_system.rules.texts import NOWHERE, Place

LATE_TURNS: Final = 3
LATE_MS: Final = 60_000
"""A group that is late is late by so many intervals, and by so much time at least."""
AFTER_ROUND_MS: Final = 100
"""So long after its moment a round of samples has begun, but on a machine that is very busy."""


class Due(NamedTuple):
    """An alert of the rule of that number that is to be told."""

    number: int
    alert: Alert
    report: AlertReport


class GroupRun:
    """One group: when it was evaluated last, how long that took, how many turns it missed.

    `turns` are those that have come, the missed ones among them; `failing` has the rules that fail,
    by their numbers, each with the moment of the first failure. Rounds of samples are stored at
    multiples of the place's `rounds_ms`: a group that is evaluated as often, or more often, is so just after.
    """

    def __init__(self, group: Group, default_ms: int, place: Place = NOWHERE) -> None:
        self.state = GroupState(group, place)
        self.interval_ms = group.interval_ms or default_ms
        self.last_ms: int | None = None
        self.seconds = 0.0
        self.turns = 0
        self.missed = 0
        self.evaluations = 0
        self.failures = 0
        self.failing: dict[int, int] = {}
        self.keys = rule_keys(group)
        self._teller = Teller(place, self.interval_ms)
        self._told: list[dict[Labels, Told]] = [{} for _ in group.rules]
        self._began_ms: int | None = None
        self._taken_ms: int | None = None
        spread_ms = crc32(f"{group.file};{group.name}".encode())
        is_frequent = self.interval_ms <= place.rounds_ms
        self._offset_ms = (AFTER_ROUND_MS if is_frequent else spread_ms) % self.interval_ms

    def next_ms(self, now_ms: int) -> int:
        """The next moment of evaluation; groups that are evaluated rarely are spread over theirs."""
        turns = (now_ms - self._offset_ms) // self.interval_ms + 1
        return turns * self.interval_ms + self._offset_ms

    def take_turn(self, now_ms: int) -> int | None:
        """The newest moment that has come; None where it has been taken.

        A clock that is set back leads back with it, and one that is set ahead has missed turns.
        """
        moment_ms = self.next_ms(now_ms) - self.interval_ms
        if moment_ms == self._taken_ms:
            return None
        if self._taken_ms is not None:
            turns = max(1, (moment_ms - self._taken_ms) // self.interval_ms)
            self.turns += turns
            self.missed += turns - 1
        else:
            self._began_ms = moment_ms
        self._taken_ms = moment_ms
        return moment_ms

    def is_late(self, now_ms: int) -> bool:
        """Whether its last evaluation, or its beginning, was too many turns ago."""
        since_ms = self._began_ms if self.last_ms is None else self.last_ms
        patience_ms = max(LATE_TURNS * self.interval_ms, LATE_MS)
        return since_ms is not None and now_ms - since_ms > patience_ms

    def advance(
        self, states: list[RuleState], moment_ms: int, seconds: float
    ) -> dict[str, Kept | None]:
        """Go on with what an evaluation came to; what is to be stored of its alerts."""
        before, self.state.rules = self.state.rules, states
        self.last_ms, self.seconds = moment_ms, seconds
        self.evaluations += len(states)
        failed = [number for number, state in enumerate(states) if state.error is not None]
        self.failures += len(failed)
        self.failing = {number: self.failing.get(number, moment_ms) for number in failed}
        found: dict[str, Kept | None] = {}
        for number, key in enumerate(self.keys):
            if key is None or before[number].alerts is states[number].alerts:
                continue
            query = self.state.group.rules[number].query
            found |= changes(key, query, before[number].alerts, states[number].alerts)
            self._forget(number, states[number].alerts)
        return found

    def _forget(self, number: int, alerts: Mapping[Labels, Alert]) -> None:
        told = self._told[number]
        for labels in told.keys() - alerts.keys():
            del told[labels]

    def due(self, now_ms: int) -> list[Due]:
        """The alerts that are to be told now.

        Also those of a rule that failed: a query without an answer ends no alert.
        """
        found = []
        for number, state in enumerate(self.state.rules):
            query, told = self.state.group.rules[number].query, self._told[number]
            for alert in state.alerts.values():
                last = told.get(alert.labels)
                if self._teller.is_due(alert, None if last is None else last.at_ms, now_ms):
                    report = self._teller.report(alert, query, now_ms, last)
                    found.append(Due(number, alert, report))
        return found

    def note(self, due: list[Due], now_ms: int) -> None:
        """These have been told."""
        for number, alert, report in due:
            self._told[number][alert.labels] = Told(now_ms, alert, report)

    def restore(self, number: int, kept: Mapping[str, Kept]) -> None:
        """Give a rule the alerts that were stored of it."""
        alerts = {each.labels: each.alert for each in kept.values()}
        state = replace(self.state.rules[number], alerts=alerts, spared=SPARED)
        self.state.rules[number] = state

    def take_over(self, old: GroupRun) -> None:
        """Go on from a run of the same group as it was before its file changed.

        Equal rules keep their alerts, and rules that record equal series keep them open. What is
        left in the old run is what has ended.
        """
        places = {key: number for number, key in enumerate(old.keys) if key is not None}
        for number, key in enumerate(self.keys):
            if key is not None and key in places:
                self._take_alerts(number, old, places[key])
        for number, rule in enumerate(self.state.group.rules):
            for place, other in enumerate(old.state.group.rules):
                if isinstance(rule, RecordingRule) and _records_same(rule, other):
                    self._take_series(number, old, place)

    def _take_alerts(self, number: int, old: GroupRun, place: int) -> None:
        state = old.state.rules[place]
        self.state.rules[number] = state
        # the node's address and labels may be others by now
        told = {labels: each._replace(report=None) for labels, each in old._told[place].items()}
        self._told[number] = told
        old.state.rules[place] = replace(state, alerts={})

    def _take_series(self, number: int, old: GroupRun, place: int) -> None:
        state = old.state.rules[place]
        mine = self.state.rules[number]
        self.state.rules[number] = replace(mine, series=mine.series | state.series)
        old.state.rules[place] = replace(state, series=frozenset())

    def left(self) -> dict[str, Kept]:
        """The alerts that are here still, by their keys."""
        return {
            alert_key(key, labels): Kept.of(alert, self.state.group.rules[number].query)
            for number, key in enumerate(self.keys)
            if key is not None
            for labels, alert in self.state.rules[number].alerts.items()
        }


def _records_same(rule: RecordingRule, other: object) -> bool:
    return isinstance(other, RecordingRule) and (rule.name, rule.labels) == (
        other.name,
        other.labels,
    )
