"""Entries of a timeline as sentences, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from event_system.incidents.incident import Entry, Reason

Language: TypeAlias = Literal["en", "zh"]

_ENTRIES: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "triggered": "Alert {alert} began; value {value}",
        "classified": "Classified as {level} by `{by}`",
        "level": "Level changed from {from} to {to}",
        "paging": "Paging {targets} by {methods}",
        "escalated": "Escalated to step {step}: paging {targets} by {methods}",
        "sent": "{target} was told by {method} ({purpose})",
        "not_sent": "{target} could not be told by {method}: {error}",
        "nobody": "Nobody can be paged: {targets}",
        "unreachable": "{target} has no way to be reached",
        "nobody_answered": "Nobody has answered; the last step is repeated (round {round})",
        "reminded": "No news for too long: {who} is reminded",
        "acknowledged": "Acknowledged",
        "assigned": "Assigned to {to}",
        "analysed": "Analysis",
        "mitigated": "Mitigation",
        "updated": "Update",
        "snoozed": "Snoozed for {seconds} s",
        "snooze_over": "The snooze is over",
        "alert_joined": "Alert {alert} joined ({level}; {because})",
        "alert_again": "Alert {alert} is back (flap {flaps})",
        "alert_ended": "Alert {alert} ended",
        "quiet": "None of {alerts} alerts fires any more",
        "resolved": "Resolved",
        "recovered": "The end was told to {told}",
        "reopened": "Reopened {alert} {why}",
        "closed": "Closed",
        "merged": "Merged into {into}",
        "took_in": "Took in {from}",
        "split": "{alerts} alerts were split off into {into}",
        "postmortem": "Postmortem {state}",
        "event": "Related event {event}",
    },
    "zh": {
        "triggered": "告警 {alert} 触发，当时的值：{value}",
        "classified": "按 `{by}` 定级为 {level}",
        "level": "级别由 {from} 改为 {to}",
        "paging": "通知 {targets}，方式：{methods}",
        "escalated": "升级到第 {step} 步：通知 {targets}，方式：{methods}",
        "sent": "已通过 {method} 通知 {target}（{purpose}）",
        "not_sent": "无法通过 {method} 通知 {target}：{error}",
        "nobody": "没有可通知的人：{targets}",
        "unreachable": "{target} 没有任何联系方式",
        "nobody_answered": "无人响应，重复最后一步（第 {round} 轮）",
        "reminded": "太久没有进展：提醒 {who}",
        "acknowledged": "已确认",
        "assigned": "指派给 {to}",
        "analysed": "分析",
        "mitigated": "缓解措施",
        "updated": "进展",
        "snoozed": "推迟 {seconds} 秒",
        "snooze_over": "推迟结束",
        "alert_joined": "告警 {alert} 加入（{level}；{because}）",
        "alert_again": "告警 {alert} 再次触发（第 {flaps} 次抖动）",
        "alert_ended": "告警 {alert} 结束",
        "quiet": "{alerts} 个告警均已结束",
        "resolved": "已解决",
        "recovered": "已向 {told} 处发送恢复通知",
        "reopened": "重新打开 {alert} {why}",
        "closed": "已关闭",
        "merged": "并入 {into}",
        "took_in": "并入了 {from}",
        "split": "{alerts} 个告警拆分到 {into}",
        "postmortem": "事后分析：{state}",
        "event": "相关事件 {event}",
    },
}
_REASONS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "first": "it opened the incident",
        "label": "`{name}={shared}` is shared with {other}, {apart} s apart",
        "topology": "`{name}` depends on `{shared}`, whose {other} began {apart} s apart",
        "overflow": "as many incidents are open as may be",
        "operator": "an operator put it there",
    },
    "zh": {
        "first": "由它触发了本次事故",
        "label": "与 {other} 共有 `{name}={shared}`，相隔 {apart} 秒",
        "topology": "`{name}` 依赖 `{shared}`，与 {other} 相隔 {apart} 秒",
        "overflow": "打开的事故已达上限",
        "operator": "由操作人员归入",
    },
}


class _Facts(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "-"


def because(reason: Reason, language: Language = "en") -> str:
    """Why an alert is in an incident."""
    return _because(
        {
            "reason": reason.kind,
            "name": reason.name,
            "shared": reason.value,
            "other": reason.other,
            "apart_seconds": str(reason.apart_us // 1_000_000),
        },
        language,
    )


def _because(facts: Mapping[str, str], language: Language) -> str:
    told = _Facts(facts) | {"apart": facts.get("apart_seconds", "0")}
    return _REASONS[language][facts.get("reason", "operator")].format_map(_Facts(told))


def sentence(entry: Entry, language: Language = "en") -> str:
    """What has happened, without when and who; what a person wrote follows."""
    facts = _Facts(entry.facts)
    if "reason" in facts:
        facts["because"] = _because(facts, language)
    told = _ENTRIES[language].get(entry.what, entry.what).format_map(facts)
    told = told.replace(" - -", "")
    return f"{told}: {entry.text}" if entry.text else told
