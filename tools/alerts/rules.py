"""Rule files of Prometheus: labels, annotations and conditions of the alerts."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tools.alerts.catalogue import BASELINES, Alert, Words

NOTE = "# Made by `make docs` from tools/alerts/; docs/alerts.md lists all of it.\n"
_SLOT = re.compile(r"\{(\w+)\}")
_VALUES = {
    "value": "{{ humanize $value }}",
    "duration": "{{ humanizeDuration $value }}",
    "percentage": "{{ humanizePercentage $value }}",
}
_DEVIATES: Words = (
    "over three standard deviations off the mean of the same day a week before",
    "偏离一周前同日均值超过三倍标准差",
)


def rules_yaml(topic: str, alerts: list[Alert]) -> str:
    """The rule file of a topic."""
    group: dict[str, Any] = {"name": f"event-system-{topic}"}
    if topic.endswith(BASELINES):
        group["interval"] = "5m"
    group["rules"] = [_rule(alert) for alert in alerts]
    return NOTE + to_yaml({"groups": [group]})


def _rule(alert: Alert) -> dict[str, Any]:
    texts = {name: template(text) for name, text in texts_of(alert).items()}
    return {
        "alert": alert.name,
        "expr": alert.condition,
        "for": alert.held_for,
        "labels": rule_labels(alert),
        "annotations": texts,
    }


def rule_labels(alert: Alert) -> dict[str, str]:
    labels = {"severity": alert.severity, "level": alert.level, "rule": alert.rule}
    return {name: value for name, value in labels.items() if value}


def texts_of(alert: Alert) -> dict[str, str]:
    """The annotations with `{slots}` for labels and values."""
    sentence, chinese_sentence = alert.meaning if alert.always else _sentences(alert)
    return {
        "summary": alert.summary[0],
        "description": sentence,
        "summary_zh": alert.summary[1],
        "description_zh": alert.description_zh or chinese_sentence,
        "runbook_url": f"docs/runbooks/{alert.name}.md",
    }


def _sentences(alert: Alert) -> Words:
    """What it means, its value and its limit."""
    english, chinese = _DEVIATES if alert.baseline else (alert.limit, alert.limit)
    held = "" if alert.held_for == "0s" else alert.held_for
    sentence = f"{alert.meaning[0]} Now: {alert.value}; limit: {english}"
    chinese_sentence = f"{alert.meaning[1]}当前值：{alert.value}；阈值：{chinese}"
    if not held:
        return f"{sentence}.", f"{chinese_sentence}。"
    return f"{sentence} for {held}.", f"{chinese_sentence}，持续 {held}。"


def template(text: str) -> str:
    """The text in the template language of Prometheus."""
    return _SLOT.sub(lambda slot: _VALUES.get(slot[1], f"{{{{ $labels.{slot[1]} }}}}"), text)


def filled(text: str, shown: str, labels: dict[str, str]) -> str:
    """The text as an alert with this value and these labels has to show it."""
    return _SLOT.sub(lambda slot: shown if slot[1] in _VALUES else labels.get(slot[1], ""), text)


class _Dumper(yaml.SafeDumper):
    """Keeps lines of a text apart, as people write them."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(content: Any) -> str:
    return yaml.dump(content, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)
