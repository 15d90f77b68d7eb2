"""The report of a month: what went wrong, how people answered, what is left to do (S1 §9)."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Final

import msgspec

from event_system.incidents.incident import Incident, Member
from event_system.incidents.levels import Level
from event_system.incidents.reports.measures import (
    DOWN,
    Figures,
    by_service,
    counted,
    end_us,
    figures,
)
from event_system.incidents.reports.objectives import ObjectiveState
from event_system.kernel.civil import moment_of
from event_system.kernel.spans import Span

TOP: Final = 10
MOST_MAJOR: Final = 50
MONTH: Final = "2[0-9]{3}-(0[1-9]|1[0-2])"


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """An incident with what the report wants of it: its alerts, and who was paged how often."""

    incident: Incident
    alerts: Sequence[Member] = ()
    pages: Mapping[str, int] = {}


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An action item of a postmortem that is not dropped; `done_us` 0 is open."""

    incident: str
    text: str
    owner: str
    due_us: int
    done_us: int

    def is_overdue(self, now_us: int) -> bool:
        return not self.done_us and 0 < self.due_us <= now_us


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is made of. Of what was opened before `complete_since_us` some may be gone."""

    reported: Sequence[Reported]
    items: Sequence[Item] = ()
    complete_since_us: int = 0

    @property
    def incidents(self) -> list[Incident]:
        return [each.incident for each in self.reported]


class Major(msgspec.Struct, frozen=True, kw_only=True):
    """An incident that is to be talked about: a service was down. It has lasted so long by now.

    `postmortem` is empty where there is none.
    """

    incident: str
    level: Level
    service: str
    title: str
    opened_us: int
    seconds: float
    is_open: bool
    postmortem: str


class AlertCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often an alert came, in how many incidents, and how many of these somebody answered."""

    name: str
    times: int
    incidents: int
    answered: int

    @property
    def is_noisy(self) -> bool:
        """It came, and nobody ever did anything about it."""
        return not self.answered


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What being on call meant for a person."""

    person: str
    hours: float
    pages: int
    acknowledged: int


class MonthlyReport(msgspec.Struct, frozen=True, kw_only=True):
    """All of a month.

    `is_over` is whether its figures cannot change any more; what is left to do is told as it is
    now. `is_complete` is whether all of its incidents are still kept.
    """

    month: str
    time_zone: str
    start_us: int
    end_us: int
    is_over: bool
    is_complete: bool
    figures: Figures
    services: Mapping[str, Figures]
    objectives: Sequence[ObjectiveState]
    major: Sequence[Major]
    top_alerts: Sequence[AlertCount]
    noisy_alerts: Sequence[AlertCount]
    open_items: Sequence[Item]
    overdue_items: Sequence[Item]
    done_items: int
    load: Sequence[Load]


def month_span(month: str, zone: tzinfo) -> Span:
    """From the first of `2026-10` to the first of the next one. Raises `ValueError`."""
    if re.fullmatch(MONTH, month) is None:
        raise ValueError(f"{month[:20]!r} is no month; write it as 2026-10")
    year, number = map(int, month.split("-"))
    after = (year + 1, 1) if number == 12 else (year, number + 1)
    first, end = _midnight(year, number), _midnight(*after)
    return Span(moment_of(first, zone), moment_of(end, zone))


def _midnight(year: int, month: int) -> datetime:
    return datetime.fromisoformat(f"{year}-{month:02}-01")


def monthly_report(
    month: str,
    zone: tzinfo,
    gathered: Gathered,
    *,
    objectives: Sequence[ObjectiveState] = (),
    on_call_us: Mapping[str, int] | None = None,
    now_us: int,
) -> MonthlyReport:
    """The report of a month. `on_call_us` is how long each person was on call in it.

    Raises `ValueError` for what is no month.
    """
    period = month_span(month, zone)
    incidents, kept = gathered.incidents, gathered.items
    own = [each for each in gathered.reported if _is_of(each.incident, period)]
    alerts = _alerts(own)
    return MonthlyReport(
        month=month,
        time_zone=str(zone),
        start_us=period.start_us,
        end_us=period.end_us,
        is_over=now_us >= period.end_us and not any(each.incident.is_open for each in own),
        is_complete=period.start_us >= gathered.complete_since_us,
        figures=figures(incidents, period, now_us),
        services={
            service: figures(those, period, now_us)
            for service, those in by_service(incidents).items()
        },
        objectives=objectives,
        major=_major((each.incident for each in own), now_us),
        top_alerts=alerts[:TOP],
        noisy_alerts=[each for each in alerts if each.is_noisy][:TOP],
        open_items=[each for each in kept if not each.done_us],
        overdue_items=[each for each in kept if each.is_overdue(now_us)],
        done_items=sum(period.start_us <= each.done_us < period.end_us for each in kept),
        load=_load(own, on_call_us or {}),
    )


def _is_of(incident: Incident, period: Span) -> bool:
    return period.start_us <= incident.opened_us < period.end_us


def _major(incidents: Iterable[Incident], now_us: int) -> list[Major]:
    """The worst first, of these the longest."""
    found = [
        Major(
            incident=each.id,
            level=each.level,
            service=each.service,
            title=each.title,
            opened_us=each.opened_us,
            seconds=max(0, end_us(each, now_us) - each.started_us) / 1_000_000,
            is_open=each.is_open,
            postmortem=each.postmortem,
        )
        for each in counted(incidents)
        if each.level in DOWN
    ]
    return sorted(found, key=lambda each: (each.level, -each.seconds, each.incident))[:MOST_MAJOR]


def _alerts(reported: Iterable[Reported]) -> list[AlertCount]:
    """By name, the most frequent first. A storm's alerts without labels have no name to tell."""
    times: Counter[str] = Counter()
    where: dict[str, set[str]] = defaultdict(set)
    answered: dict[str, set[str]] = defaultdict(set)
    for each in reported:
        for alert in each.alerts:
            if not alert.labels:
                continue
            times[alert.name] += 1 + alert.flaps
            where[alert.name].add(each.incident.id)
            if _is_answered(each.incident):
                answered[alert.name].add(each.incident.id)
    ordered = sorted(times.items(), key=lambda item: (-item[1], item[0]))
    return [
        AlertCount(name=name, times=count, incidents=len(where[name]), answered=len(answered[name]))
        for name, count in ordered
    ]


def _is_answered(incident: Incident) -> bool:
    return bool(incident.acknowledged_us or incident.mitigated_us or incident.assignee)


def _load(reported: Sequence[Reported], on_call_us: Mapping[str, int]) -> list[Load]:
    pages: Counter[str] = Counter()
    acknowledged: Counter[str] = Counter()
    for each in reported:
        pages.update(each.pages)
    for incident in counted(each.incident for each in reported):
        acknowledged.update({each.who for each in incident.acknowledgements})
    people = sorted({*on_call_us, *pages, *acknowledged})
    return [
        Load(
            person=person,
            hours=on_call_us.get(person, 0) / 3_600_000_000,
            pages=pages[person],
            acknowledged=acknowledged[person],
        )
        for person in people
    ]
