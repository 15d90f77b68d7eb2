"""The runbook of each alert, in English and in Chinese."""

from __future__ import annotations

from dataclasses import dataclass

from tools.alerts.catalogue import Alert, Guide, Words, guides
from tools.alerts.rules import rule_labels

RESPONSES: dict[str, Words] = {
    "P0": (
        "At once, at any hour: phone, SMS, e-mail and chat.",
        "立即响应（全天候）：电话、短信、邮件和即时消息。",
    ),
    "P1": (
        "Within 30 minutes in working hours, else within two hours: SMS, e-mail and chat.",
        "工作时间 30 分钟内，非工作时间 2 小时内：短信、邮件和即时消息。",
    ),
    "P2": (
        "Within two hours in working hours, else on the next day: e-mail and chat.",
        "工作时间 2 小时内，非工作时间次日：邮件和即时消息。",
    ),
    "P3": (
        "Within 24 hours in working time: e-mail and chat.",
        "工作时间 24 小时内：邮件和即时消息。",
    ),
}
ABSENCE = "P0"
"""The level of the absence of an alert that always fires."""
_BASELINE: Words = (
    (
        "There is no fixed threshold: the mean of the last hour is compared with the same day a "
        "week before. In the first eight days of a metric the alert is silent."
    ),
    "没有固定阈值：用最近一小时的均值与一周前同日比较。指标出现的前八天内该告警不会触发。",
)
_SURE: Words = (
    "Is it so? Look at the condition above in Grafana or Prometheus, and since when it holds.",
    "是否属实？在 Grafana 或 Prometheus 中查看上面的条件，以及从何时开始成立。",
)
_ABSENT: Words = (
    (
        "Is it so? `/api/v1/alerts` shows whether this alert fires, and `event-system alerts explain "
        "alertname=Watchdog` who is told of it."
    ),
    (
        "是否属实？`/api/v1/alerts` 显示此告警是否触发，"
        "`event-system alerts explain alertname=Watchdog` 显示通知了谁。"
    ),
)
_RETURNED: Words = (
    "Afterwards see that the alert fires and is heard again, and write down cause and remedy.",
    "之后确认此告警重新触发并被收到，并记录原因和处理过程。",
)
_AFTER: Words = (
    "Afterwards see that the condition above no longer holds, and write down cause and remedy.",
    "之后确认上面的条件不再成立，并记录原因和处理过程。",
)


@dataclass(frozen=True, slots=True)
class _Tongue:
    index: int
    other: str
    table: str
    condition: str
    sections: tuple[str, str, str, str]
    held: str
    escalate: str

    def of(self, words: Words) -> str:
        return words[self.index]


_ENGLISH = _Tongue(
    0,
    "[中文](../zh/runbooks/{name}.md)",
    "[All alerts](../alerts.md)",
    "Condition:",
    ("Meaning", "Check", "Remedy", "Escalate"),
    "It has to hold for {held}.",
    "Not mended by then, or spreading? Call {owner}, then whoever is responsible for the service. "
    "Say what you see, since when, and what you have tried.",
)
_CHINESE = _Tongue(
    1,
    "[English](../../runbooks/{name}.md)",
    "[全部告警](../../alerts.md)",
    "条件：",
    ("含义", "检查", "处理", "升级"),
    "须持续 {held}。",
    "到时仍未解决或影响在扩大？联系{owner}，再联系服务负责人。说明现象、开始时间和已尝试的措施。",
)


def english_runbook(alert: Alert) -> str:
    return _runbook(alert, _ENGLISH)


def chinese_runbook(alert: Alert) -> str:
    return _runbook(alert, _CHINESE)


def _runbook(alert: Alert, tongue: _Tongue) -> str:
    guide = guides()[alert.guide]
    meaning, check, remedy, escalate = tongue.sections
    parts = [
        f"# {alert.name}",
        f"{tongue.other.format(name=alert.name)} · {tongue.table}",
        " · ".join(f"{name}: `{value}`" for name, value in rule_labels(alert).items()),
        f"## {meaning}",
        _meaning(alert, tongue),
        tongue.condition,
        f"```promql\n{alert.condition}\n```",
        *([tongue.held.format(held=alert.held_for)] if alert.held_for != "0s" else []),
        f"## {check}",
        _steps([_ABSENT if alert.always else _SURE, *guide.check], tongue),
        f"## {remedy}",
        _steps(guide.remedy, tongue),
        tongue.of(_RETURNED if alert.always else _AFTER),
        f"## {escalate}",
        _escalation(alert, guide, tongue),
    ]
    return "\n\n".join(parts)


def _meaning(alert: Alert, tongue: _Tongue) -> str:
    gap = "" if tongue.index else " "
    meaning = tongue.of(alert.meaning)
    return f"{meaning}{gap}{tongue.of(_BASELINE)}" if alert.baseline else meaning


def _steps(steps: list[Words], tongue: _Tongue) -> str:
    return "\n".join(f"{number}. {tongue.of(step)}" for number, step in enumerate(steps, 1))


def _escalation(alert: Alert, guide: Guide, tongue: _Tongue) -> str:
    gap = "" if tongue.index else " "
    response = tongue.of(RESPONSES[alert.level or ABSENCE])
    return response + gap + tongue.escalate.format(owner=tongue.of(guide.owner))
