"""Incidents and postmortems as the API shows them, and the bodies of what is done with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from event_system.incidents.actions import Request, Verb
from event_system.incidents.book import Case
from event_system.incidents.incident import Entry, Incident, Link, Member, State
from event_system.incidents.levels import Level
from event_system.incidents.pages import PageRow, PageState
from event_system.incidents.postmortem import ActionItem, ItemState, Postmortem, Standing
from event_system.incidents.wording import Language, because, sentence
from event_system.kernel.clock import rfc3339

_Moment = Annotated[str | None, Meta(description="RFC 3339, UTC; null is never.")]


class IncidentSummary(Struct):
    """An incident as lists show it."""

    id: str
    title: str
    level: Level
    service: str
    state: State
    version: Annotated[int, Meta(description="Grows with every change; `If-Match` takes it.")]
    assignee: str
    started: Annotated[str, Meta(description="When its first alert began.")]
    opened: str
    updated: str
    paged: _Moment
    acknowledged: _Moment
    mitigated: _Moment
    resolved: _Moment
    closed: _Moment
    snoozed_until: _Moment
    flaps: int
    reopened: int
    merged_into: str
    postmortem: str


class IncidentList(Struct):
    """A page of incidents."""

    incidents: list[IncidentSummary]
    next: Annotated[str | None, Meta(description="`cursor` of the next page; null is the end.")]


class IncidentAlert(Struct):
    """An alert of an incident, and why it is there."""

    fingerprint: str
    name: str
    labels: dict[str, str]
    annotations: dict[str, str]
    starts: str
    ends: _Moment
    value: Annotated[str, Meta(description="Of its expression, when it began to fire.")]
    flaps: int
    because: str
    because_zh: str
    url: str


class TimelineEntry(Struct):
    """Who did what when."""

    at: str
    who: str
    what: str
    text: str
    facts: dict[str, str]
    told: str
    told_zh: str


class IncidentPage(Struct):
    """One message to one person by one method."""

    id: str
    target: str
    method: str
    purpose: str
    state: PageState
    made: str
    done: _Moment
    attempts: int
    error: str


class IncidentEscalation(Struct):
    """Where the chain of pages stands."""

    level: Level
    step: Annotated[int, Meta(description="The step to come, from 1.")]
    due: _Moment
    round: Annotated[int, Meta(description="How often the last step was repeated.")]
    reminders: int


class IncidentLink(Struct):
    """Something to look at."""

    title: str
    url: str


class IncidentDetail(IncidentSummary):
    """An incident with all that belongs to it."""

    alerts: Annotated[list[IncidentAlert], Meta(description="At most 500 with their labels.")]
    firing: int
    timeline: list[TimelineEntry]
    pages: list[IncidentPage]
    links: Annotated[
        list[IncidentLink],
        Meta(description="Runbooks, dashboards, the metrics and the events around it."),
    ]
    escalation: IncidentEscalation | None


class IncidentAction(Struct, forbid_unknown_fields=True):
    """What goes with an action; members that it does not take are refused."""

    text: Annotated[str, Meta(max_length=10_000, description="A note; goes with all.")] = ""
    assignee: Annotated[str, Meta(max_length=200, description="With `assign`.")] = ""
    level: Annotated[str, Meta(max_length=10, description="`P0` … `P3`, `reclassify`.")] = ""
    seconds: Annotated[int, Meta(ge=0, le=604_800, description="With `snooze`.")] = 0
    into: Annotated[str, Meta(max_length=40, description="An incident, with `merge`.")] = ""
    alerts: Annotated[
        list[Annotated[str, Meta(max_length=100)]],
        Meta(max_length=1_000, description="Fingerprints, with `split`."),
    ] = []
    title: Annotated[str, Meta(max_length=200, description="Of the new one, `split`.")] = ""
    version: (
        Annotated[int, Meta(ge=1, le=2**62, description="As `If-Match`: do nothing if it changed.")]
        | None
    ) = None

    def request(self, version: int | None) -> Request:
        return Request(
            text=self.text,
            assignee=self.assignee,
            level=self.level,
            seconds=self.seconds,
            into=self.into,
            alerts=tuple(self.alerts),
            title=self.title,
            version=self.version if version is None else version,
        )

    def given(self) -> set[str]:
        """The members that were given."""
        empty = IncidentAction()
        return {
            name for name in self.__struct_fields__ if getattr(self, name) != getattr(empty, name)
        }


MEMBERS: dict[Verb, frozenset[str]] = {
    "acknowledge": frozenset(),
    "assign": frozenset({"assignee"}),
    "analyse": frozenset(),
    "mitigate": frozenset(),
    "update": frozenset(),
    "reclassify": frozenset({"level"}),
    "snooze": frozenset({"seconds"}),
    "resolve": frozenset(),
    "reopen": frozenset(),
    "merge": frozenset({"into"}),
    "split": frozenset({"alerts", "title"}),
    "close": frozenset(),
}
"""What each action takes beside `text` and `version`."""


class PostmortemItem(Struct):
    """Something that is to be done."""

    id: int
    text: str
    owner: str
    due: _Moment
    state: ItemState
    overdue: bool


class PostmortemView(Struct):
    """A postmortem."""

    incident: str
    title: str
    author: str
    state: Standing
    version: int
    created: str
    updated: str
    items: list[PostmortemItem]
    markdown: str


class PostmortemList(Struct):
    """All postmortems, the newest first; without their documents."""

    postmortems: list[PostmortemView]


class NewPostmortem(Struct, forbid_unknown_fields=True):
    """The language of the prefilled document."""

    language: Language = "en"


class PostmortemChange(Struct, forbid_unknown_fields=True):
    """What is to be changed; what is absent stays."""

    markdown: Annotated[str, Meta(max_length=200_000)] | None = None
    done: Annotated[bool | None, Meta(description="Whether it is finished.")] = None
    version: Annotated[int, Meta(ge=1, le=2**62)] | None = None


class ItemBody(Struct, forbid_unknown_fields=True):
    """An action item, or what is to be changed of one."""

    text: Annotated[str, Meta(max_length=1_000)] | None = None
    owner: Annotated[str, Meta(max_length=200)] | None = None
    due: Annotated[str, Meta(max_length=64, description="RFC 3339; empty is none.")] | None = None
    state: ItemState | None = None
    version: Annotated[int, Meta(ge=1, le=2**62)] | None = None


def summary(incident: Incident) -> IncidentSummary:
    return IncidentSummary(**_summary(incident))


def _summary(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "title": incident.title,
        "level": incident.level,
        "service": incident.service,
        "state": incident.state,
        "version": incident.version,
        "assignee": incident.assignee,
        "started": rfc3339(incident.started_us),
        "opened": rfc3339(incident.opened_us),
        "updated": rfc3339(incident.updated_us),
        "paged": _moment(incident.paged_us),
        "acknowledged": _moment(incident.acknowledged_us),
        "mitigated": _moment(incident.mitigated_us),
        "resolved": _moment(incident.resolved_us),
        "closed": _moment(incident.closed_us),
        "snoozed_until": _moment(incident.snoozed_until_us),
        "flaps": incident.flaps,
        "reopened": incident.reopened,
        "merged_into": incident.merged_into,
        "postmortem": incident.postmortem,
    }


def detail(case: Case, links: Iterable[Link]) -> IncidentDetail:
    incident, escalation = case.incident, case.incident.escalation
    position = None
    if escalation is not None:
        position = IncidentEscalation(
            escalation.level,
            escalation.step + 1,
            _moment(escalation.due_us),
            escalation.round,
            escalation.reminders,
        )
    return IncidentDetail(
        **_summary(incident),
        alerts=[_alert(each) for each in case.alerts.values() if each.labels],
        firing=case.firing,
        timeline=[_entry(each) for each in case.timeline],
        pages=[_page(each) for each in case.pages.values()],
        links=[IncidentLink(each.title, each.url) for each in links],
        escalation=position,
    )


def _alert(member: Member) -> IncidentAlert:
    return IncidentAlert(
        fingerprint=member.fingerprint,
        name=member.name,
        labels=dict(member.labels),
        annotations=dict(member.annotations),
        starts=rfc3339(member.starts_us),
        ends=_moment(member.ends_us),
        value=member.value,
        flaps=member.flaps,
        because=because(member.reason, "en"),
        because_zh=because(member.reason, "zh"),
        url=member.generator_url,
    )


def _entry(entry: Entry) -> TimelineEntry:
    return TimelineEntry(
        at=rfc3339(entry.at_us),
        who=entry.who,
        what=entry.what,
        text=entry.text,
        facts=dict(entry.facts),
        told=sentence(entry, "en"),
        told_zh=sentence(entry, "zh"),
    )


def _page(row: PageRow) -> IncidentPage:
    return IncidentPage(
        id=row.id,
        target=row.target,
        method=row.method,
        purpose=row.purpose,
        state=row.state,
        made=rfc3339(row.made_us),
        done=_moment(row.done_us),
        attempts=row.attempts,
        error=row.error,
    )


def postmortem_view(postmortem: Postmortem, now_us: int) -> PostmortemView:
    return PostmortemView(
        incident=postmortem.incident,
        title=postmortem.title,
        author=postmortem.author,
        state=postmortem.state,
        version=postmortem.version,
        created=rfc3339(postmortem.created_us),
        updated=rfc3339(postmortem.updated_us),
        items=[_item(each, now_us) for each in postmortem.items],
        markdown=postmortem.markdown,
    )


def without_document(view: PostmortemView) -> PostmortemView:
    return msgspec.structs.replace(view, markdown="")


def _item(item: ActionItem, now_us: int) -> PostmortemItem:
    return PostmortemItem(
        id=item.id,
        text=item.text,
        owner=item.owner,
        due=_moment(item.due_us),
        state=item.state,
        overdue=item.is_overdue(now_us),
    )


def _moment(us: int) -> str | None:
    return rfc3339(us) if us else None
