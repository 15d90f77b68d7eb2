"""What incidents need of others: who is on call, when people work, and a way to page them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from event_system.incidents.levels import Level

Purpose: TypeAlias = Literal[
    "opened", "escalated", "raised", "assigned", "reminder", "recovery", "action_item"
]


class Roster(Protocol):
    """Who is on call."""

    def on_call(self, schedule: str, at_us: int) -> tuple[str, ...]:
        """Names of people, the first one first. Empty: nobody, or there is no such schedule."""


class WorkingTime(Protocol):
    """When people work."""

    def is_open(self, at_us: int) -> bool:
        """Whether the moment is in working time."""

    def add(self, at_us: int, span_us: int, *, only_open: bool) -> int:
        """The moment at which a span is over; where `only_open`, only working time counts."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a page says of one incident. `links` are signed, by action."""

    incident: str
    title: str
    level: Level
    service: str
    state: str
    purpose: Purpose
    since_us: int
    ended_us: int = 0
    alerts: int = 0
    what: str = ""
    what_zh: str = ""
    value: str = ""
    runbook: str = ""
    links: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One message to one person, or to a receiver of the alerting configuration, by one method.

    `id` is the same each time that the same page is tried. `target` is `person:NAME` or
    `receiver:NAME`. `number` counts the incidents, of which `told` are the first ones.
    """

    id: str
    target: str
    method: str
    told: Sequence[Told]
    number: int


class Reach(Protocol):
    """How people can be reached."""

    def methods(self, person: str) -> Sequence[str]:
        """`phone`, `sms`, `email`, `slack`, …; empty where nobody knows the person."""


class Pager(Reach, Protocol):
    """Brings pages to people. May be called several times at once."""

    async def page(self, page: Page) -> None:
        """Bring it. Raises `ChannelError`, whose `may_pass` says whether to try again."""
