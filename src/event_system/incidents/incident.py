"""What is kept of an incident. Moments are microseconds since 1970; 0 is never."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from event_system.incidents.levels import LEAST, Level

State: TypeAlias = Literal[
    "triggered",
    "classified",
    "notified",
    "acknowledged",
    "analysed",
    "mitigated",
    "resolved",
    "recovered",
    "closed",
    "merged",
]
"""How far the response is. `recovered`: those who were paged know of the end. `merged` is an
incident that was taken into another, `closed` one whose postmortem is written or not wanted."""

OPEN: Final[frozenset[State]] = frozenset(
    ("triggered", "classified", "notified", "acknowledged", "analysed", "mitigated")
)
UNANSWERED: Final[frozenset[State]] = frozenset(("triggered", "classified", "notified"))
SYSTEM: Final = "event-system"
"""Who does what nobody in particular does."""


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an alert is in an incident.

    `label`: it shares `name`=`value` with the alert `other`. `topology`: its service `name` depends
    on `value`, the service of `other`, or the other way round. `first`: it opened the incident.
    `overflow`: as many incidents were open as may be. `operator`: somebody put it there.
    """

    kind: Literal["first", "label", "topology", "overflow", "operator"]
    name: str = ""
    value: str = ""
    other: str = ""
    apart_us: int = 0


class Member(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An alert in an incident; it fires while it has no end.

    `value` is that of the time at which it began to fire, as the alert tells it. Of the many alerts
    of a storm only moments are kept: then `labels` is empty.
    """

    fingerprint: str
    starts_us: int
    ends_us: int = 0
    joined_us: int = 0
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    value: str = ""
    generator_url: str = ""
    flaps: int = 0
    reason: Reason = Reason(kind="first")

    @property
    def name(self) -> str:
        return self.labels.get("alertname", self.fingerprint)

    @property
    def fires(self) -> bool:
        return not self.ends_us


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the timeline; none is ever changed.

    `text` is what a person wrote, `facts` what the product says of it: names and values that do not
    depend on a language.
    """

    at_us: int
    who: str
    what: str
    text: str = ""
    facts: Mapping[str, str] = {}


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """Who said when: I have seen it."""

    who: str
    at_us: int


class Escalation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a chain stands: `step` is the next one, `due_us` its moment; 0 has nothing to come.

    `began_us` is what the steps' times count from, `round` how often the last step was repeated.
    `reminders` were sent since the last update. `told` are `person/method` that a chain of a lower
    level has reached already.
    """

    level: Level
    began_us: int
    step: int = 0
    due_us: int = 0
    round: int = 0
    reminders: int = 0
    told: tuple[str, ...] = ()


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """Something to look at."""

    title: str
    url: str


class Incident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One incident. Its alerts, timeline and pages are kept beside it (`book.py`).

    `started_us` is the start of its first alert, `opened_us` when the product noticed. `paged_us`
    is when the first person was reached, `acknowledged_us` when the first one answered.
    `resolved_us` is that of the last time; `reopened` counts the times that it came back, `flaps`
    the times that one of its alerts came back. `version` grows with every change.
    """

    id: str
    title: str
    level: Level = LEAST
    service: str = ""
    state: State = "triggered"
    version: int = 1
    started_us: int
    opened_us: int
    updated_us: int
    paged_us: int = 0
    acknowledged_us: int = 0
    mitigated_us: int = 0
    resolved_us: int = 0
    closed_us: int = 0
    quiet_us: int = 0
    """Since when no alert of it fires; 0 while one does."""
    assignee: str = ""
    resolved_by: str = ""
    acknowledgements: tuple[Acknowledgement, ...] = ()
    snoozed_until_us: int = 0
    escalation: Escalation | None = None
    worst_alert: Level = LEAST
    """Only an alert that is worse raises the incident: what an operator has set, stays."""
    is_parted: bool = False
    """An operator has merged or split it: it is not merged by itself any more."""
    reopened: int = 0
    flaps: int = 0
    links: tuple[Link, ...] = ()
    postmortem: str = ""
    merged_into: str = ""

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def is_unanswered(self) -> bool:
        return self.state in UNANSWERED
