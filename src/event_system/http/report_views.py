"""Reports of incidents as the API shows them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import asdict

from event_system.incidents.levels import Level
from event_system.incidents.reports.measures import Figures
from event_system.incidents.reports.monthly import AlertCount, Item, Load, Major, MonthlyReport
from event_system.incidents.reports.objectives import Burn, ObjectiveState
from event_system.incidents.reports.rendering import Language, markdown
from event_system.kernel.clock import rfc3339

_Share = Annotated[float | None, Meta(description="1 is all of it; null is unknown.")]


class BurnView(Struct):
    """How fast an error budget burns in a pair of windows; 1 just uses it up."""

    long_seconds: int
    short_seconds: int
    threshold: float
    long_rate: float | None
    short_rate: float | None
    urgency: Literal["page", "ticket"]
    fires: Annotated[bool, Meta(description="Both rates are over the threshold.")]


class ObjectiveView(Struct):
    """How an objective stands. `budget_left` is negative once more is gone than there was."""

    service: str
    objective: float
    window_seconds: int
    reached: _Share
    met: bool | None
    budget_left: _Share
    budget_left_seconds: float | None
    burns: list[BurnView]


class ObjectiveList(Struct):
    """The objectives of the settings, as they stand."""

    at: str
    objectives: list[ObjectiveView]


class MajorIncident(Struct):
    """An incident in which a service was down."""

    incident: str
    level: Level
    service: str
    title: str
    opened: str
    seconds: Annotated[float, Meta(description="How long it has lasted by now.")]
    open: bool
    postmortem: Annotated[str, Meta(description="Its id; empty where there is none.")]


class ReportItem(Struct):
    """An action item that is not done."""

    incident: str
    text: str
    owner: str
    due: Annotated[str | None, Meta(description="RFC 3339, UTC; null has no date.")]
    overdue: bool


class MonthlyReportView(Struct):
    """The report of a month."""

    month: str
    time_zone: str
    start: str
    end: str
    final: Annotated[bool, Meta(description="The month and all of its incidents are over.")]
    complete: Annotated[bool, Meta(description="All incidents of that time are still kept.")]
    figures: Figures
    services: Annotated[
        dict[str, Figures], Meta(description="By name; an empty one stands for no service.")
    ]
    objectives: Annotated[
        list[ObjectiveView], Meta(description="As they stood at the end of it, or stand now.")
    ]
    major: list[MajorIncident]
    top_alerts: list[AlertCount]
    noisy_alerts: Annotated[list[AlertCount], Meta(description="Nobody has ever acted on them.")]
    open_items: list[ReportItem]
    done_items: Annotated[int, Meta(description="So many were done in this month.")]
    load: list[Load]
    markdown: Annotated[str, Meta(description="All of it as a document.")]


def monthly_view(report: MonthlyReport, language: Language, now_us: int) -> MonthlyReportView:
    return MonthlyReportView(
        month=report.month,
        time_zone=report.time_zone,
        start=rfc3339(report.start_us),
        end=rfc3339(report.end_us),
        final=report.is_over,
        complete=report.is_complete,
        figures=report.figures,
        services=dict(report.services),
        objectives=[objective_view(each) for each in report.objectives],
        major=[_major(each) for each in report.major],
        top_alerts=list(report.top_alerts),
        noisy_alerts=list(report.noisy_alerts),
        open_items=[_item(each, now_us) for each in report.open_items],
        done_items=report.done_items,
        load=list(report.load),
        markdown=markdown(report, language, now_us),
    )


def objective_view(state: ObjectiveState) -> ObjectiveView:
    return ObjectiveView(
        service=state.service,
        objective=state.objective,
        window_seconds=state.window_seconds,
        reached=state.reached,
        met=state.is_met,
        budget_left=state.budget_left,
        budget_left_seconds=state.budget_left_seconds,
        burns=[_burn(each) for each in state.burns],
    )


def _burn(burn: Burn) -> BurnView:
    return BurnView(**asdict(burn), fires=burn.fires)


def _major(major: Major) -> MajorIncident:
    return MajorIncident(
        incident=major.incident,
        level=major.level,
        service=major.service,
        title=major.title,
        opened=rfc3339(major.opened_us),
        seconds=major.seconds,
        open=major.is_open,
        postmortem=major.postmortem,
    )


def _item(item: Item, now_us: int) -> ReportItem:
    return ReportItem(
        incident=item.incident,
        text=item.text,
        owner=item.owner,
        due=rfc3339(item.due_us) if item.due_us else None,
        overdue=item.is_overdue(now_us),
    )
