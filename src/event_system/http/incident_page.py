"""The small pages behind the links of notifications, in English and Chinese."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from event_system.incidents.incident import Incident
from event_system.incidents.links import LinkAction
from event_system.incidents.wording import Language
from event_system.kernel.clock import rfc3339

HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
    "vary": "accept-language",
}
"""A preview of the link shows nothing of it to others, and no other site can press the button."""
_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "acknowledge": "Acknowledge",
        "resolve": "Resolve",
        "snooze": "Snooze for one hour",
        "acknowledge_hint": "You say that you have seen it and look after it. Escalation stops.",
        "resolve_hint": "You say that it is over. Everybody who was paged hears of it.",
        "snooze_hint": "Nobody is paged for it for one hour.",
        "done_acknowledge": "You have acknowledged it.",
        "done_resolve": "You have resolved it.",
        "done_snooze": "It is snoozed for one hour.",
        "used": "This link was used already.",
        "as": "as",
        "level": "Level",
        "state": "State",
        "service": "Service",
        "since": "Since",
        "assignee": "Assignee",
        "failed": "This does not work",
    },
    "zh": {
        "acknowledge": "确认",
        "resolve": "标记为已解决",
        "snooze": "推迟一小时",
        "acknowledge_hint": "表示你已知悉并开始处理，告警不再升级。",
        "resolve_hint": "表示故障已解决，所有收到过通知的人都会得知。",
        "snooze_hint": "一小时内不再为此通知任何人。",
        "done_acknowledge": "已确认。",
        "done_resolve": "已标记为解决。",
        "done_snooze": "已推迟一小时。",
        "used": "此链接已使用过。",
        "as": "身份",
        "level": "级别",
        "state": "状态",
        "service": "服务",
        "since": "开始于",
        "assignee": "负责人",
        "failed": "无法完成",
    },
}
_STATES: Final[Mapping[str, str]] = {
    "triggered": "已触发",
    "classified": "已定级",
    "notified": "已通知",
    "acknowledged": "已确认",
    "analysed": "已分析",
    "mitigated": "已缓解",
    "resolved": "已解决",
    "recovered": "已恢复",
    "closed": "已关闭",
    "merged": "已合并",
}
_ERRORS_ZH: Final[Mapping[str, str]] = {
    "incident.link": "此链接无效、已过期或已使用过。请使用更新的通知中的链接。",
    "incident.transition": "事故的当前状态不允许此操作。",
    "incident.not_found": "没有这个事故，或其保留期已过。",
    "incident.link_limit": "请求过于频繁，请稍后再试。",
    "incident.disabled": "事故管理未启用。",
    "alerting.away": "负责事故的节点暂时没有应答，请几秒后再试。",
}
_WEIGHED = re.compile(r"\s*([A-Za-z-]+)\s*(?:;\s*q=([0-9.]{1,5}))?\s*")


def language_of(accepted: str) -> Language:
    """The one that `Accept-Language` (RFC 9110) prefers; English where it says neither."""
    best: dict[Language, float] = {"en": 0.0, "zh": 0.0}
    for part in accepted[:1000].split(","):
        found = _WEIGHED.fullmatch(part)
        if found is None:
            continue
        name = found[1].lower().partition("-")[0]
        for language, weight in best.items():
            if name == language:
                best[language] = max(weight, _weight(found[2]))
    return "zh" if best["zh"] > best["en"] else "en"


def _weight(text: str | None) -> float:
    try:
        return 1.0 if text is None else float(text)
    except ValueError:
        return 0.0


def asking_page(
    incident: Incident, action: LinkAction, who: str, language: Language, *, is_used: bool
) -> str:
    """What the link would do, and the button that does it."""
    return _page(
        language, incident=_shown(incident, language), action=action, who=who, is_used=is_used
    )


def done_page(incident: Incident, action: LinkAction, who: str, language: Language) -> str:
    """What was done."""
    shown = _shown(incident, language)
    return _page(language, incident=shown, action=action, who=who, is_done=True)


def error_page(code: str, detail: str, language: Language) -> str:
    """What is wrong with the link."""
    told = detail if language == "en" else _ERRORS_ZH.get(code, detail)
    return _page(language, error=told)


def _shown(incident: Incident, language: Language) -> dict[str, str]:
    state: str = incident.state
    return {
        "id": incident.id,
        "title": incident.title,
        "level": incident.level,
        "state": _STATES[state] if language == "zh" else state,
        "service": incident.service,
        "since": rfc3339(incident.started_us).replace("T", " ")[:19] + " UTC",
        "assignee": incident.assignee,
    }


def _page(language: Language, **shown: Any) -> str:
    return _rendering()(words=_WORDS[language], language=language, **shown)


@cache
def _rendering() -> Callable[..., str]:
    from jinja2 import Environment, PackageLoader  # loads the template engine

    loader = PackageLoader("event_system.http.manual", "pages")
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("incident.html.j2").render
