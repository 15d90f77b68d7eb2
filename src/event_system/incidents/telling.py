"""What a page says of an incident."""

from __future__ import annotations

from event_system.incidents.book import Case
from event_system.incidents.calls import PERSON
from event_system.incidents.incident import Member
from event_system.incidents.levels import level_of
from event_system.incidents.links import LINK_ACTIONS, Links
from event_system.incidents.pages import PageRow
from event_system.incidents.ports import Told


def told(case: Case, row: PageRow, links: Links) -> Told:
    """The facts of a page; links only where there is something to answer."""
    incident, alert = case.incident, telling_alert(case)
    is_over = row.purpose == "recovery"
    actions = () if is_over or not row.target.startswith(PERSON) else LINK_ACTIONS
    who = row.target.removeprefix(PERSON)
    notes = {} if alert is None else alert.annotations
    return Told(
        incident=incident.id,
        title=incident.title,
        level=incident.level,
        service=incident.service,
        state=incident.state,
        purpose=row.purpose,
        since_us=incident.started_us,
        ended_us=incident.resolved_us,
        alerts=len(case.alerts),
        what=notes.get("description", notes.get("summary", "")),
        what_zh=notes.get("description_zh", notes.get("summary_zh", "")),
        value="" if alert is None else alert.value,
        runbook=notes.get("runbook_url", ""),
        links=links.of_page(incident.id, who, row.id, row.made_us, actions),
    )


def telling_alert(case: Case) -> Member | None:
    """The alert that says most: the worst, of these the first."""
    whole = (each for each in case.alerts.values() if each.labels)
    return min(
        whole,
        key=lambda each: (level_of(each.labels), each.starts_us, each.fingerprint),
        default=None,
    )
