"""The beginning of a postmortem, from what is known of the incident."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from event_system.incidents.book import Case
from event_system.incidents.incident import Entry, Incident, Link
from event_system.incidents.wording import Language, because, sentence
from event_system.kernel.clock import rfc3339

MAX_LINES: Final = 200
_HEADINGS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "summary": "Summary",
        "level": "Level",
        "service": "Service",
        "began": "Began",
        "noticed": "Noticed",
        "acknowledged": "Acknowledged",
        "resolved": "Resolved",
        "lasted": "Lasted",
        "impact": "Impact",
        "impact_hint": "Who noticed what, for how long, and how many?",
        "alerts": "Alerts",
        "alerts_head": "| alert | began | ended | value | why it belongs here |",
        "links": "To look at",
        "timeline": "Timeline",
        "timeline_head": "| time (UTC) | who | what |",
        "cause": "Root cause",
        "cause_hint": "Why did it happen? Ask on until the answer is something that can be changed.",
        "well": "What went well",
        "badly": "What went badly",
        "luck": "Where we were lucky",
        "items": "Action items",
        "items_hint": "They are tracked beside this document, with owner and date.",
    },
    "zh": {
        "summary": "概要",
        "level": "级别",
        "service": "服务",
        "began": "开始",
        "noticed": "发现",
        "acknowledged": "确认",
        "resolved": "解决",
        "lasted": "持续",
        "impact": "影响",
        "impact_hint": "谁受到了什么影响，持续多久，涉及多少人？",
        "alerts": "告警",
        "alerts_head": "| 告警 | 开始 | 结束 | 值 | 归入原因 |",
        "links": "参考链接",
        "timeline": "时间线",
        "timeline_head": "| 时间（UTC） | 谁 | 事项 |",
        "cause": "根本原因",
        "cause_hint": "为什么会发生？一直追问到可以改变的那一点。",
        "well": "做得好的地方",
        "badly": "做得不好的地方",
        "luck": "侥幸之处",
        "items": "改进措施",
        "items_hint": "改进措施在本文档之外跟踪，各有负责人和日期。",
    },
}


def draft(case: Case, language: Language, links: Iterable[Link]) -> str:
    """A document in Markdown."""
    return "\n".join(_lines(case, _HEADINGS[language], language, links)) + "\n"


def _lines(
    case: Case, words: Mapping[str, str], language: Language, links: Iterable[Link]
) -> Iterator[str]:
    incident = case.incident
    yield f"# {incident.id}: {_plain(incident.title)}"
    yield from ("", f"## {words['summary']}", "")
    yield from (f"- {words[name]}: {value}" for name, value in _facts(incident) if value)
    yield from ("", f"## {words['impact']}", "", words["impact_hint"], "")
    yield from (
        f"## {words['alerts']}",
        "",
        words["alerts_head"],
        "| --- | --- | --- | --- | --- |",
    )
    for each in [member for member in case.alerts.values() if member.labels][:MAX_LINES]:
        ended = rfc3339(each.ends_us) if each.ends_us else ""
        why = because(each.reason, language)
        cells = (each.name, rfc3339(each.starts_us), ended, each.value, why)
        yield f"| {' | '.join(map(_plain, cells))} |"
    yield from ("", f"## {words['links']}", "")
    yield from (f"- {_plain(link.title)}: <{link.url}>" for link in links if _is_plain(link.url))
    yield from ("", f"## {words['timeline']}", "", words["timeline_head"], "| --- | --- | --- |")
    yield from (_row(entry, language) for entry in case.timeline[:MAX_LINES])
    yield from ("", f"## {words['cause']}", "", words["cause_hint"], "")
    for name in ("well", "badly", "luck"):
        yield from (f"## {words[name]}", "", "- ", "")
    yield from (f"## {words['items']}", "", words["items_hint"])


def _facts(incident: Incident) -> Iterator[tuple[str, str]]:
    yield "level", incident.level
    yield "service", _plain(incident.service)
    for name, us in (
        ("began", incident.started_us),
        ("noticed", incident.opened_us),
        ("acknowledged", incident.acknowledged_us),
        ("resolved", incident.resolved_us),
    ):
        yield name, rfc3339(us) if us else ""
    yield "lasted", lasted(incident.resolved_us - incident.started_us)


def lasted(us: int) -> str:
    """`1 d 02:03:04`; without days where there are none."""
    minutes, seconds = divmod(max(0, us) // 1_000_000, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    clock = f"{hours:02d}:{minutes:02d}:{seconds:02d}"
    return f"{days} d {clock}" if days else clock


def _row(entry: Entry, language: Language) -> str:
    cells = (rfc3339(entry.at_us), entry.who, sentence(entry, language))
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(text: str) -> str:
    """One line of a table: no cell ends early, and nothing is taken for HTML."""
    line = " ".join(text.split())
    return line.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _is_plain(url: str) -> bool:
    """Whether it can stand between angle brackets; what an alert brings may be anything."""
    return url.isprintable() and not any(mark in url for mark in "<> ")
