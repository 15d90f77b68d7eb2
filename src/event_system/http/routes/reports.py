"""Reports of incidents: the month, and how objectives stand.

Incidents are gathered on the loop, a few at a time; what is computed of them, in a thread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import Annotated, TypeAlias

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from event_system.http.app import Services
from event_system.http.openapi.answers import answers
from event_system.http.openapi.report_examples import MONTHLY, OBJECTIVES
from event_system.http.replies import json_reply
from event_system.http.report_views import (
    MonthlyReportView,
    ObjectiveList,
    monthly_view,
    objective_view,
)
from event_system.http.routes.incidents import manager_of
from event_system.incidents.reports.gathering import gathered
from event_system.incidents.reports.monthly import MONTH, month_span, monthly_report
from event_system.incidents.reports.objectives import Objective, states_of
from event_system.incidents.reports.rendering import Language
from event_system.kernel.clock import rfc3339
from event_system.kernel.errors import IncidentsDisabledError, InvalidQueryError
from event_system.kernel.spans import Span, total_us
from event_system.kernel.threads import in_thread
from event_system.oncall.reading import read_zone
from event_system.oncall.roster import Picture

Month: TypeAlias = Annotated[
    str, PathParameter(description="Such as `2026-10`.", schema_extra={"pattern": f"^{MONTH}$"})
]
Lang: TypeAlias = Annotated[Language, QueryParameter(description="Of the document.")]
Zone: TypeAlias = Annotated[
    str,
    QueryParameter(description="By which clocks a month begins: an IANA name.", max_length=100),
]


@get(
    "/api/reports/monthly/{month:str}",
    operation_id="getMonthlyReport",
    tags=["incidents"],
    summary="Report on a month",
    description="How fast people answered, how long services were down, what alerted most, what is "
    "left to do, how much those on call had to do; all of it also as a document in Markdown.",
    responses=answers(MonthlyReportView, MONTHLY, IncidentsDisabledError),
)
async def monthly(
    services: NamedDependency[Services], month: Month, lang: Lang = "en", zone: Zone = "UTC"
) -> Response[bytes]:
    manager, now_us = manager_of(services), services.clock.now_us()
    clocks = _clocks(zone)
    period = _period(month, clocks)
    objectives = manager.options.objectives
    at_us = period.end_us if now_us < period.start_us else min(period.end_us, now_us)
    found = await gathered(manager, _looked_at(period, objectives, at_us), now_us)
    passed = Span(period.start_us, min(period.end_us, now_us))
    pictures = _pictures(services, passed)

    def written() -> MonthlyReportView:
        report = monthly_report(
            month,
            clocks,
            found,
            objectives=states_of(objectives, found.incidents, at_us, now_us),
            on_call_us=_on_call_us(pictures, passed),
            now_us=now_us,
        )
        return monthly_view(report, lang, now_us)

    return json_reply(await in_thread(written))


@get(
    "/api/reports/objectives",
    operation_id="getObjectives",
    tags=["incidents"],
    summary="Say how objectives stand",
    description="Those of the settings `incidents.slos`: what is left of each error budget, and how "
    "fast it burns.",
    responses=answers(ObjectiveList, OBJECTIVES, IncidentsDisabledError),
)
async def objectives(services: NamedDependency[Services]) -> Response[bytes]:
    manager, now_us = manager_of(services), services.clock.now_us()
    wanted = manager.options.objectives
    found = await gathered(manager, _looked_at(Span(now_us, now_us), wanted, now_us), now_us)
    states = await in_thread(states_of, wanted, found.incidents, now_us, now_us)
    return json_reply(ObjectiveList(rfc3339(now_us), [objective_view(each) for each in states]))


def _clocks(zone: str) -> tzinfo:
    try:
        return read_zone(zone)
    except ValueError as error:
        raise InvalidQueryError(f"{error}", where="zone") from error


def _period(month: str, clocks: tzinfo) -> Span:
    try:
        return month_span(month, clocks)
    except ValueError as error:
        raise InvalidQueryError(f"{error}", where="month") from error


def _looked_at(period: Span, objectives: Iterable[Objective], at_us: int) -> Span:
    """The period, and what objectives look back at."""
    first_us = min((at_us - each.window_us for each in objectives), default=period.start_us)
    return Span(min(period.start_us, first_us), period.end_us)


def _pictures(services: Services, within: Span) -> list[Picture]:
    on_call = services.on_call()
    return on_call.past(within) if on_call is not None and within.length_us else []


def _on_call_us(pictures: Iterable[Picture], within: Span) -> Mapping[str, int]:
    """How long each person was on call; what several schedules share counts once."""
    spans: dict[str, list[Span]] = defaultdict(list)
    for picture in pictures:
        for shift in picture.shifts(within):
            for person in shift.people:
                spans[person].append(shift.span)
    return {person: total_us(each) for person, each in spans.items()}


ROUTES = (monthly, objectives)
