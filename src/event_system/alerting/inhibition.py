"""Inhibition: alerts that keep others quiet while they fire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from event_system.alerting.alert import Alert
from event_system.alerting.labels import Labels
from event_system.alerting.matchers import Matchers, all_match
from event_system.alerting.shelves import Shelves

_Values: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """While a source fires, targets with the same values of `equal` are kept quiet."""

    source: Matchers
    target: Matchers
    equal: tuple[str, ...] = ()

    def values(self, labels: Labels) -> _Values:
        """Of the labels in `equal`; a missing one counts as empty."""
        return tuple(labels.get(name, "") for name in self.equal)


class Inhibitor(NamedTuple):
    """What inhibits: an alert that fires, by a rule."""

    rule: InhibitRule
    source: Alert


class Inhibition:
    """The rules, and the alerts that may inhibit, by the values that must be equal."""

    def __init__(self, rules: Iterable[InhibitRule], alerts: Iterable[Alert] = ()) -> None:
        self._rules = tuple(rules)
        self._by_source: Shelves[int] = Shelves()
        self._by_target: Shelves[int] = Shelves()
        for number, rule in enumerate(self._rules):
            self._by_source.put(number, rule.source)
            self._by_target.put(number, rule.target)
        self._sources: list[dict[_Values, dict[str, Alert]]] = [{} for _ in self._rules]
        self._as_source: dict[str, tuple[int, ...]] = {}
        self._source_count = 0
        for alert in alerts:
            self.put(alert)

    def put(self, alert: Alert) -> None:
        """Take note of an alert, firing or resolved."""
        if not self._rules:
            return
        if (numbers := self._as_source.get(alert.fingerprint)) is None:
            numbers = self._as_source[alert.fingerprint] = self._having(alert.labels)
            self._source_count += bool(numbers)
        for number in numbers:
            values = self._rules[number].values(alert.labels)
            self._sources[number].setdefault(values, {})[alert.fingerprint] = alert

    def _having(self, labels: Labels) -> tuple[int, ...]:
        """The numbers of the rules that have these labels as a source."""
        candidates = self._by_source.candidates(labels)
        return tuple(n for n in candidates if all_match(self._rules[n].source, labels))

    def drop(self, alert: Alert) -> None:
        """Forget an alert."""
        numbers = self._as_source.pop(alert.fingerprint, ())
        self._source_count -= bool(numbers)
        for number in numbers:
            values, sources = self._rules[number].values(alert.labels), self._sources[number]
            del sources[values][alert.fingerprint]
            if not sources[values]:
                del sources[values]

    def inhibiting(self, labels: Labels, now_us: int) -> str | None:
        """The fingerprint of an alert that inhibits these labels."""
        found = self.inhibitor(labels, now_us)
        return None if found is None else found.source.fingerprint

    def inhibitor(self, labels: Labels, now_us: int) -> Inhibitor | None:
        """The alert that inhibits these labels, and by which rule.

        What matches both sides of a rule is not inhibited by what also matches both.
        """
        if not self._source_count:
            return None
        for number in sorted(self._by_target.candidates(labels)):
            if not (sources := self._sources[number]):
                continue
            rule = self._rules[number]
            candidates = sources.get(rule.values(labels))
            if not candidates or not all_match(rule.target, labels):
                continue
            is_source = all_match(rule.source, labels)
            for source in candidates.values():
                if source.resolved_at(now_us):
                    continue
                if is_source and all_match(rule.target, source.labels):
                    continue
                return Inhibitor(rule, source)
        return None
