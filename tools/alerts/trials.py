"""Unit tests of the rules for promtool: for each alert one in which it fires, one in which not.

For one that always fires there is the first alone.
"""

from __future__ import annotations

import re
from typing import Any

from tools.alerts.catalogue import BASELINES, NODE, Alert, Baseline, Series
from tools.alerts.rules import NOTE, filled, rule_labels, texts_of, to_yaml

_NODE = ",".join(f'{name}="{value}"' for name, value in NODE.items())
MINUTES = 20
"""When the alerts are looked at: all of them fire after ten minutes at most."""
_NUMBER = re.compile(r"-?[0-9.]+")
# Samples every five minutes for eight days; the last three hours differ.
_STEADY, _CHANGED = 2280, 40


def trials_yaml(topic: str, alerts: list[Alert]) -> str:
    """The file of tests of a topic's rule file."""
    tests = [
        _trial(alert, fires)
        for alert in alerts
        for fires in ((True,) if alert.always else (True, False))
    ]
    return NOTE + to_yaml(
        {
            "rule_files": [f"../{topic}.yml"],
            "evaluation_interval": "8d" if topic.endswith(BASELINES) else "1m",
            "tests": tests,
        }
    )


def _trial(alert: Alert, fires: bool) -> dict[str, Any]:
    series = alert.fires if fires else alert.quiet
    if alert.baseline:
        series = _history(alert.baseline, fires)
    return {
        "name": f"{alert.name} {'fires' if fires else 'is quiet'}",
        "interval": "5m" if alert.baseline else "1m",
        "input_series": [
            {"series": _labelled(name), "values": _samples(values)}
            for name, values in series.items()
        ],
        "alert_rule_test": [
            {
                "eval_time": "8d" if alert.baseline else f"{MINUTES}m",
                "alertname": alert.name,
                "exp_alerts": [_expected(alert, one) for one in alert.labels] if fires else [],
            }
        ],
    }


def _expected(alert: Alert, labels: dict[str, str]) -> dict[str, Any]:
    texts = texts_of(alert)
    return {
        "exp_labels": {**labels, **rule_labels(alert)},
        "exp_annotations": {
            name: filled(text, alert.shown, labels) for name, text in texts.items()
        },
    }


def _labelled(name: str) -> str:
    """A series without `job` is one of a node's."""
    if "job=" in name:
        return name
    if not name.endswith("}"):
        return f"{name}{{{_NODE}}}"
    return f"{name[:-1]},{_NODE}}}"


def _samples(values: str) -> str:
    return f"{values}+0x{MINUTES}" if _NUMBER.fullmatch(values) else values


def _history(baseline: Baseline, changes: bool) -> Series:
    """100 (of counters: a second) all the time; the first series comes to 300 in the end."""
    first, *others = baseline.series
    return {
        first: _course(baseline, changes),
        **{name: _course(baseline, False) for name in others},
    }


def _course(baseline: Baseline, changes: bool) -> str:
    if not baseline.counts:
        return f"100+0x{_STEADY} {300 if changes else 100}+0x{_CHANGED}"
    pace = 100 * 300
    later = 3 * pace if changes else pace
    return f"0+{pace}x{_STEADY} {pace * (_STEADY + 1)}+{later}x{_CHANGED}"
