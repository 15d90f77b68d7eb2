"""Alerts as records that outlive the process: what is stored of each, and under which key.

A key holds the group, the rule and the labels; that of a rule changes with its expression, its
times and its labels, so that a changed rule begins anew.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

import msgspec

from event_system.promql.ports import Labels
from event_system.rules.alerts import Alert, State
from event_system.rules.model import AlertingRule, Group

KIND: Final = "rule_alerts"
"""The kind of the records."""


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """An alert and its rule's expression, as they are stored."""

    query: str
    labels: Labels
    annotations: Labels
    value: float
    active_ms: int
    state: State
    fired_ms: int | None = None
    held_ms: int | None = None
    resolved_ms: int | None = None

    @classmethod
    def of(cls, alert: Alert, query: str) -> Kept:
        """What is stored of an alert."""
        return cls(
            query,
            alert.labels,
            alert.annotations,
            alert.value,
            alert.active_ms,
            alert.state,
            alert.fired_ms,
            alert.held_ms,
            alert.resolved_ms,
        )

    @property
    def alert(self) -> Alert:
        """The alert as it was."""
        return Alert(
            self.labels,
            self.annotations,
            self.value,
            self.active_ms,
            self.state,
            self.fired_ms,
            self.held_ms,
            self.resolved_ms,
        )


def by_rule(kept: Mapping[str, Kept]) -> dict[str, dict[str, Kept]]:
    """Alerts by their rules' keys and their own."""
    found: defaultdict[str, dict[str, Kept]] = defaultdict(dict)
    for key, each in kept.items():
        found[key.partition("/")[0]][key] = each
    return dict(found)


def rule_keys(group: Group) -> list[str | None]:
    """A key for each rule, None for one that records. Equal rules are told apart by their order."""
    seen: Counter[str] = Counter()
    keys: list[str | None] = []
    for rule in group.rules:
        if not isinstance(rule, AlertingRule):
            keys.append(None)
            continue
        key = _rule_key(group, rule)
        seen[key] += 1
        keys.append(f"{key}.{seen[key]}")
    return keys


def _rule_key(group: Group, rule: AlertingRule) -> str:
    told = (group.file, group.name, rule.name, rule.query, rule.for_ms, rule.keep_firing_ms)
    return _hash((*told, rule.labels))


def alert_key(rule_key: str, labels: Labels) -> str:
    """The key of an alert of a rule."""
    return f"{rule_key}/{_hash(labels)}"


def _hash(told: object) -> str:
    return blake2b(msgspec.msgpack.encode(told), digest_size=16).hexdigest()


def changes(
    rule_key: str, query: str, before: Mapping[Labels, Alert], now: Mapping[Labels, Alert]
) -> dict[str, Kept | None]:
    """What is to be stored after an evaluation: alerts whose state has changed, and ends."""
    found: dict[str, Kept | None] = {
        alert_key(rule_key, labels): None for labels in before if labels not in now
    }
    for labels, alert in now.items():
        was = before.get(labels)
        if was is alert:
            continue
        if was is None or _moments(was) != _moments(alert):
            found[alert_key(rule_key, labels)] = Kept.of(alert, query)
    return found


def _moments(alert: Alert) -> tuple[object, ...]:
    return alert.state, alert.active_ms, alert.fired_ms, alert.held_ms, alert.resolved_ms
