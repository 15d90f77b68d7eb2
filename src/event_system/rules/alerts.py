"""What an alerting rule's rows are at a moment: pending, firing, or resolved. Pure; nobody is told.

The algorithm is that of Prometheus' `rules/alerting.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from event_system.kernel.errors import RuleFailedError
from event_system.promql.engine import Answer
from event_system.promql.ports import Labels
from event_system.rules.model import AlertingRule

RESOLVED_KEPT_MS: Final = 15 * 60_000
"""How long an alert that is over is kept, so that its end is told again."""
State: TypeAlias = Literal["pending", "firing", "resolved"]
Texts: TypeAlias = Callable[[Labels, float], tuple[Labels, Labels]]
"""Labels and annotations of the alert of a row and its value."""


class Alert(msgspec.Struct, frozen=True, gc=False):
    """One alert. Moments are milliseconds since 1970.

    `active_ms` is since when its row has been there, `held_ms` since when it has been gone while
    the alert is kept firing. `fired_ms` is set once it fires, `resolved_ms` once it is over.
    """

    labels: Labels
    annotations: Labels
    value: float
    active_ms: int
    state: State
    fired_ms: int | None = None
    held_ms: int | None = None
    resolved_ms: int | None = None


def advanced(
    rule: AlertingRule,
    texts: Texts,
    before: Mapping[Labels, Alert],
    answer: Answer,
    now_ms: int,
    *,
    spares: bool = False,
) -> dict[Labels, Alert]:
    """The alerts after an evaluation, by their labels.

    `spares` says that alerts whose rows are gone stay what they are: the series of a node that has
    just started have gaps. A clock that was set back moves no moment into the future. An alert, its
    labels and its annotations are the objects that they were where they say the same. Raises
    `RuleFailedError` where two rows become alerts of the same labels.
    """
    found: dict[Labels, Alert] = {}
    for series in answer.series:
        value = float(series.values[-1])
        labels, annotations = texts(series.labels, value)
        if labels in found:
            raise RuleFailedError(
                f"{rule.name}: vector contains metrics with the same labelset after applying "
                "alert labels"
            )
        known = before.get(labels)
        if known is not None:
            labels = known.labels
            annotations = known.annotations if annotations == known.annotations else annotations
        found[labels] = _there(rule, known, (labels, annotations), value, now_ms)
    for labels, alert in before.items():
        if labels not in found and (kept := _gone(rule, alert, now_ms, spares=spares)) is not None:
            found[labels] = kept
    return found


def _there(
    rule: AlertingRule,
    known: Alert | None,
    texts: tuple[Labels, Labels],
    value: float,
    now_ms: int,
) -> Alert:
    """An alert whose row is there."""
    if known is not None and _fires_on(known, texts, value, now_ms):
        return known
    if known is None or known.state == "resolved":
        since_ms, fired_ms = now_ms, None
    else:
        since_ms, fired_ms = min(known.active_ms, now_ms), known.fired_ms
    if fired_ms is None and now_ms - since_ms < rule.for_ms:
        return Alert(*texts, value, since_ms, "pending")
    fired_ms = now_ms if fired_ms is None else min(fired_ms, now_ms)
    return Alert(*texts, value, since_ms, "firing", fired_ms)


def _fires_on(known: Alert, texts: tuple[Labels, Labels], value: float, now_ms: int) -> bool:
    """Whether there is nothing new about an alert whose row is there."""
    return (
        known.state == "firing"
        and known.value == value
        and known.annotations is texts[1]
        and known.held_ms is None
        and known.fired_ms is not None
        and max(known.active_ms, known.fired_ms) <= now_ms
    )


def _gone(rule: AlertingRule, alert: Alert, now_ms: int, *, spares: bool) -> Alert | None:
    """An alert whose row is not there; None where it is to be forgotten."""
    if alert.resolved_ms is not None:
        over_ms = min(alert.resolved_ms, now_ms)
        return None if now_ms - over_ms > RESOLVED_KEPT_MS else replace(alert, resolved_ms=over_ms)
    if spares:
        return alert
    if alert.state == "pending":
        return None
    held_ms = now_ms if alert.held_ms is None else min(alert.held_ms, now_ms)
    if now_ms - held_ms < rule.keep_firing_ms:
        return replace(alert, held_ms=held_ms)
    return replace(alert, state="resolved", held_ms=None, resolved_ms=now_ms)


def ended(alert: Alert, now_ms: int) -> Alert | None:
    """The alert of a rule that is no more; None where nobody has to be told of its end."""
    if alert.state == "pending":
        return None
    if alert.state == "resolved":
        return alert
    return replace(alert, state="resolved", held_ms=None, resolved_ms=now_ms)
