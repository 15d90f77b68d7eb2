"""Alerts as the series `ALERTS` and `ALERTS_FOR_STATE`, which queries may use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from event_system.promql.ports import NAME, STALE, Labels
from event_system.promql.values import with_label
from event_system.rules.alerts import Alert, State
from event_system.rules.ports import Sample

_KNOWN: Final = 32_768
_END: Final = float(STALE)


def shown(
    before: Mapping[Labels, Alert], now: Mapping[Labels, Alert], time_ms: int
) -> list[Sample]:
    """What to store after an evaluation: the alerts that there are, and the ends of others."""
    return [*_shown(now.values(), time_ms), *_endings(before, now, time_ms)]


def _shown(alerts: Iterable[Alert], time_ms: int) -> Iterator[Sample]:
    for alert in alerts:
        if alert.state != "resolved":
            state, since = _names(alert.labels, alert.state)
            yield Sample(state, time_ms, 1.0)
            yield Sample(since, time_ms, float(alert.active_ms // 1000))


def _endings(
    before: Mapping[Labels, Alert], now: Mapping[Labels, Alert], time_ms: int
) -> Iterator[Sample]:
    for labels, was in before.items():
        alert = now.get(labels)
        if was.state == "resolved" or (alert is not None and alert.state == was.state):
            continue
        state, since = _names(labels, was.state)
        yield Sample(state, time_ms, _END)
        if alert is None or alert.state == "resolved":
            yield Sample(since, time_ms, _END)


@lru_cache(_KNOWN)
def _names(labels: Labels, state: State) -> tuple[Labels, Labels]:
    named = with_label(with_label(labels, NAME, "ALERTS"), "alertstate", state)
    return named, with_label(labels, NAME, "ALERTS_FOR_STATE")
