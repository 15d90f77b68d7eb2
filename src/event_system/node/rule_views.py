"""Groups, rules and alerts as Prometheus' API shows them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from event_system.http.prometheus.monitoring import Json
from event_system.kernel.clock import rfc3339
from event_system.rules.alerts import Alert
from event_system.rules.evaluation import RuleState
from event_system.rules.group_run import GroupRun
from event_system.rules.model import AlertingRule, Rule

NEVER: Final = "0001-01-01T00:00:00Z"
_STATES: Final = ("inactive", "pending", "firing")


def group_view(run: GroupRun) -> Json:
    """A group with its rules."""
    group = run.state.group
    last = NEVER if run.last_ms is None else rfc3339(run.last_ms * 1000)
    rules = zip(group.rules, run.state.rules, strict=True)
    return {
        "name": group.name,
        "file": group.file,
        "interval": run.interval_ms / 1000,
        "limit": group.limit,
        "evaluationTime": run.seconds,
        "lastEvaluation": last,
        "rules": [_rule(rule, state, last) for rule, state in rules],
    }


def _rule(rule: Rule, state: RuleState, last: str) -> Json:
    health = "unknown" if not state.evaluated else "ok" if state.error is None else "err"
    told: dict[str, Any] = {
        "name": rule.name,
        "query": rule.query,
        "labels": dict(rule.labels),
        "health": health,
        "lastError": "" if state.error is None else state.error.detail,
        "evaluationTime": state.seconds,
        "lastEvaluation": last if state.evaluated else NEVER,
        "type": "recording",
    }
    if isinstance(rule, AlertingRule):
        alerts = [_alert(alert) for alert in _active(state.alerts.values())]
        told |= {
            "type": "alerting",
            "duration": rule.for_ms / 1000,
            "keepFiringFor": rule.keep_firing_ms / 1000,
            "annotations": dict(rule.annotations),
            "alerts": alerts,
            "state": max(
                (alert["state"] for alert in alerts), key=_STATES.index, default="inactive"
            ),
        }
    return told


def alert_views(runs: Iterable[GroupRun]) -> list[Json]:
    """All alerts that are pending or firing."""
    return [
        _alert(alert)
        for run in runs
        for state in run.state.rules
        for alert in _active(state.alerts.values())
    ]


def _active(alerts: Iterable[Alert]) -> Iterable[Alert]:
    return (alert for alert in alerts if alert.state != "resolved")


def _alert(alert: Alert) -> Json:
    told = {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": alert.state,
        "activeAt": rfc3339(alert.active_ms * 1000),
        "value": scientific(alert.value),
    }
    if alert.held_ms is not None:
        told["keepFiringSince"] = rfc3339(alert.held_ms * 1000)
    return told


def scientific(value: float) -> str:
    """The fewest digits, always with an exponent: `1.5e+03`."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    _, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    rest = "".join(map(str, digits[1:]))
    power = 0 if value == 0 else len(digits) + int(exponent) - 1
    sign = "-" if math.copysign(1, value) < 0 else ""
    return f"{sign}{digits[0]}{'.' + rest if rest else ''}e{power:+03d}"
