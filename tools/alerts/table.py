"""`docs/alerts.md`: which rule watches which threshold, and which test proves it."""

from __future__ import annotations

from tools.alerts.catalogue import Alert, alerts, thresholds, topics
from tools.alerts.runbooks import RESPONSES

_INTRODUCTION = """\
# Alerts

The rule files of `deploy/prometheus/rules/` are what is shipped: alerting rules for Prometheus, each
with its level, texts in English and Chinese, a [runbook](#all-alerts) and unit tests in
`deploy/prometheus/rules/tests/`. [Monitoring](monitoring.md#alerts) says how to use them. This page is
generated (`make docs`).

Labels: `severity` is `critical` (紧急), `warning` (警告) or `info` (信息), and `none` of the alert
that always fires ([Watchdog](incidents.md#when-alerting-itself-is-dead)); `level` is how fast somebody has to
act:

| `level` | response |
|---|---|
{levels}

Annotations: `summary` and `description`, `summary_zh` and `description_zh`, and `runbook_url`, a path in
this repository: put the address of your copy before it.

## Baselines

Where a threshold is called a baseline (基于历史基线), or none is given, the mean of the last hour is
compared with the same day a week before: it has to be off by more than three standard deviations of that
day, by more than a fifth of its mean, and by more than a small least amount. These rules are in the files
`*-baselines.yml`, are evaluated every five minutes, and are silent while there is nothing from a week ago.

## Metrics to come

Alerts with a mark (†) ask for metrics that nodes do not have yet: those of achievements, governance and
chains, whose names are [reserved](metrics.md#reserved-names). Their rules fire on nothing until these
metrics are there. Alerts with ‡ ask for what the Blackbox exporter measures."""


def alerts_markdown() -> str:
    levels = "\n".join(f"| `{level}` | {words[0]} |" for level, words in RESPONSES.items())
    return "\n".join([_INTRODUCTION.format(levels=levels), *_thresholds(), *_all()])


def _thresholds() -> list[str]:
    """A table for each section of the guides."""
    found = thresholds()
    lines = ["", "## Thresholds", "", "From the platform's guides to monitoring:", ""]
    lines += [f"- {short}: {title}" for short, title in found.documents.items()]
    for section, rows in found.sections.items():
        lines += [
            "",
            f"### {section}",
            "",
            "| row | threshold | rule | tests |",
            "|---|---|---|---|",
        ]
        lines += [_row(f"{section}/{row}", row, threshold) for row, threshold in rows.items()]
    return lines


def _row(key: str, row: str, threshold: str) -> str:
    watching = [alert for alert in alerts() if key in alert.rows]
    rules = ", ".join(_link(alert) for alert in watching)
    tests = ", ".join(f"`{alert.name} fires`, `{alert.name} is quiet`" for alert in watching)
    return f"| {row} | {threshold.replace('|', '&#124;')} | {rules} | {tests} |"


def _all() -> list[str]:
    lines = ["", "## All alerts"]
    for topic, found in topics().items():
        lines += ["", f"### {topic}.yml", ""]
        lines += [f"Tests: `deploy/prometheus/rules/tests/{topic}.yml`.", ""]
        lines += [
            "| alert | severity | level | held for | what it means |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {_link(alert)} | {alert.severity} | {alert.level or '–'} | {alert.held_for} "
            f"| {alert.meaning[0]} |"
            for alert in found
        ]
    return lines


def _link(alert: Alert) -> str:
    mark = {"": "", "node": " †", "exporter": " ‡"}[alert.awaits]
    return f"[{alert.name}](runbooks/{alert.name}.md){mark}"
