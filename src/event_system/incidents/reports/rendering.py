"""A monthly report as Markdown, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal
from zoneinfo import ZoneInfo

from event_system.incidents.levels import LEVELS
from event_system.incidents.reports.measures import Figures
from event_system.incidents.reports.monthly import AlertCount, Item, Major, MonthlyReport
from event_system.kernel.civil import wall_time

Language = Literal["en", "zh"]
_NONE: Final = "–"
_WORDS: Final[Mapping[str, Mapping[Language, str]]] = {
    "title": {"en": "Operations in {month}", "zh": "{month} 运维回顾"},
    "running": {
        "en": "Not final: the month, or one of its incidents, is not over.",
        "zh": "尚非终稿：本月或其中的事故尚未结束。",
    },
    "incomplete": {
        "en": "Not whole: incidents of that time are not kept any more.",
        "zh": "并不完整：当时的事故已有部分不再保存。",
    },
    "zone": {"en": "The month by the clocks of {zone}.", "zh": "按 {zone} 时区的月份统计。"},
    "overview": {"en": "Overview", "zh": "总览"},
    "services": {"en": "Services", "zh": "各服务"},
    "objectives": {"en": "Service level objectives", "zh": "服务等级目标"},
    "major": {"en": "Major incidents", "zh": "关键事件"},
    "top": {"en": "Most frequent alerts", "zh": "最频繁的告警"},
    "noisy": {"en": "Noisy alerts: nobody ever acted on them", "zh": "噪声告警：从未有人处理"},
    "items": {"en": "Action items", "zh": "改进措施"},
    "load": {"en": "On-call load", "zh": "值班负荷"},
    "incidents": {"en": "incidents", "zh": "事故数"},
    "acknowledged": {"en": "acknowledged", "zh": "已确认"},
    "resolved": {"en": "resolved", "zh": "已解决"},
    "service": {"en": "service", "zh": "服务"},
    "availability": {"en": "availability", "zh": "可用性"},
    "down": {"en": "down", "zh": "不可用时长"},
    "objective": {"en": "objective", "zh": "目标"},
    "reached": {"en": "reached", "zh": "实际"},
    "budget": {"en": "error budget left", "zh": "剩余错误预算"},
    "alert": {"en": "alert", "zh": "告警"},
    "times": {"en": "times", "zh": "次数"},
    "answered": {"en": "answered", "zh": "有人处理"},
    "person": {"en": "person", "zh": "人员"},
    "hours": {"en": "hours on call", "zh": "值班小时"},
    "pages": {"en": "pages", "zh": "被通知次数"},
    "owner": {"en": "owner", "zh": "负责人"},
    "due": {"en": "due", "zh": "期限"},
    "what": {"en": "what", "zh": "内容"},
    "incident": {"en": "incident", "zh": "事故"},
    "level": {"en": "level", "zh": "级别"},
    "opened": {"en": "opened", "zh": "发生时间"},
    "lasted": {"en": "lasted", "zh": "持续"},
    "still": {"en": "open", "zh": "未结束"},
    "postmortem": {"en": "postmortem", "zh": "事后分析"},
    "written": {"en": "yes", "zh": "有"},
    "overdue": {"en": "overdue", "zh": "已逾期"},
    "item_counts": {
        "en": "{done} done in the month, {open} open, {overdue} of them overdue.",
        "zh": "本月完成 {done} 项，未完成 {open} 项，其中逾期 {overdue} 项。",
    },
    "nothing": {"en": "None.", "zh": "无。"},
    "other": {"en": "(no service)", "zh": "（未指明服务）"},
    "all": {"en": "all", "zh": "全部"},
}


def markdown(report: MonthlyReport, language: Language, now_us: int) -> str:
    """The report as a document."""
    return "\n".join(_Writer(report, language, now_us).lines()) + "\n"


class _Writer:
    def __init__(self, report: MonthlyReport, language: Language, now_us: int) -> None:
        self._report = report
        self._language = language
        self._now_us = now_us
        self._zone = ZoneInfo(report.time_zone)

    def lines(self) -> Iterator[str]:
        report = self._report
        yield f"# {self._say('title', month=report.month)}"
        yield ""
        yield self._say("zone", zone=report.time_zone)
        if not report.is_over:
            yield self._say("running")
        if not report.is_complete:
            yield self._say("incomplete")
        yield from self._section("overview", self._overview())
        yield from self._section("services", self._services())
        if report.objectives:
            yield from self._section("objectives", self._objectives())
        yield from self._section("major", self._major())
        yield from self._section("top", self._alerts(report.top_alerts))
        yield from self._section("noisy", self._alerts(report.noisy_alerts))
        yield from self._section("items", self._items())
        yield from self._section("load", self._load())

    def _say(self, word: str, **facts: object) -> str:
        return _WORDS[word][self._language].format(**facts)

    def _section(self, title: str, lines: Iterable[str]) -> Iterator[str]:
        yield ""
        yield f"## {self._say(title)}"
        yield ""
        yield from lines

    def _table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
        if not rows:
            yield self._say("nothing")
            return
        names = [_WORDS[name][self._language] if name in _WORDS else name for name in columns]
        yield f"| {' | '.join(names)} |"
        yield f"|{'---|' * len(names)}"
        for row in rows:
            yield f"| {' | '.join(map(_cell, row))} |"

    def _overview(self) -> Iterator[str]:
        yield from self._figures({self._say("all"): self._report.figures})

    def _services(self) -> Iterator[str]:
        services = self._report.services.items()
        yield from self._figures({name or self._say("other"): each for name, each in services})

    def _figures(self, figures: Mapping[str, Figures]) -> Iterator[str]:
        columns = ("service", "incidents", *LEVELS, "acknowledged", "resolved")
        measures = ("MTTA", "MTTR", "MTBF", "availability", "down")
        rows = [
            (
                *(name, str(each.incidents), *(str(each.by_level[level]) for level in LEVELS)),
                *(str(each.acknowledged), str(each.resolved), duration(each.mtta_seconds)),
                *(duration(each.mttr_seconds), duration(each.mtbf_seconds)),
                *(percent(each.availability), duration(each.down_seconds)),
            )
            for name, each in figures.items()
        ]
        yield from self._table((*columns, *measures), rows)

    def _objectives(self) -> Iterator[str]:
        rows = [
            (
                *(each.service, percent(each.objective), percent(each.reached)),
                f"{percent(each.budget_left)} ({duration(each.budget_left_seconds)})",
            )
            for each in self._report.objectives
        ]
        yield from self._table(("service", "objective", "reached", "budget"), rows)

    def _major(self) -> Iterator[str]:
        columns = ("incident", "level", "service", "what", "opened", "lasted", "postmortem")
        yield from self._table(columns, [*map(self._failure, self._report.major)])

    def _failure(self, major: Major) -> tuple[str, ...]:
        lasted = duration(major.seconds)
        return (
            *(major.incident, major.level, major.service or self._say("other"), major.title),
            self._minute(major.opened_us),
            f"{lasted} ({self._say('still')})" if major.is_open else lasted,
            self._say("written") if major.postmortem else _NONE,
        )

    def _alerts(self, alerts: Sequence[AlertCount]) -> Iterator[str]:
        rows = [
            (each.name, str(each.times), str(each.incidents), str(each.answered)) for each in alerts
        ]
        yield from self._table(("alert", "times", "incidents", "answered"), rows)

    def _items(self) -> Iterator[str]:
        report = self._report
        numbers = (report.done_items, len(report.open_items), len(report.overdue_items))
        yield self._say(
            "item_counts", **dict(zip(("done", "open", "overdue"), numbers, strict=True))
        )
        if report.open_items:
            yield ""
            ordered = sorted(report.open_items, key=lambda each: (not each.due_us, each.due_us))
            yield from self._table(
                ("incident", "what", "owner", "due"), [*map(self._item, ordered)]
            )

    def _item(self, item: Item) -> tuple[str, ...]:
        due = self._day(item.due_us) if item.due_us else _NONE
        if item.is_overdue(self._now_us):
            due = f"**{due}** {self._say('overdue')}"
        return item.incident, item.text, item.owner or _NONE, due

    def _load(self) -> Iterator[str]:
        rows = [
            (each.person, f"{each.hours:.1f}", str(each.pages), str(each.acknowledged))
            for each in self._report.load
        ]
        yield from self._table(("person", "hours", "pages", "acknowledged"), rows)

    def _day(self, us: int) -> str:
        return f"{wall_time(us, self._zone):%Y-%m-%d}"

    def _minute(self, us: int) -> str:
        return f"{wall_time(us, self._zone):%Y-%m-%d %H:%M}"


def duration(seconds: float | None) -> str:
    """`2d 3h`, `3h 20m`, `4m 5s`: two units."""
    if seconds is None:
        return _NONE
    left = round(abs(seconds))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return ("-" if seconds < 0 and parts else "") + (" ".join(parts[:2]) or "0s")


def percent(share: float | None) -> str:
    """With three decimals, never rounded up to a hundred that was not reached."""
    if share is None:
        return _NONE
    return f"{min(share * 100, 100.0 if share >= 1 else 99.999):.3f} %"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
