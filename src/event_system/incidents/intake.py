"""What becomes of alerts that begin and end: they open incidents, join them, reopen them. No I/O.

Idempotent: what is told again changes nothing. An alert is in one open incident at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from event_system.incidents.book import Book, Case
from event_system.incidents.correlation import Rules, service_of
from event_system.incidents.counts import Origin
from event_system.incidents.incident import SYSTEM, Entry, Incident, Link, Member, Reason
from event_system.incidents.levels import is_worse, level_of
from event_system.incidents.response import Response

MAX_OPEN: Final = 500
MAX_NOTED: Final = 50
"""Alerts of an incident whose coming and going is written into the timeline one by one."""
STILL_FIRES_US: Final = 600_000_000
"""An alert that is told this long after its incident was resolved, fires on."""
MAX_TITLE: Final = 200
MAX_LINKS: Final = 10
WATCHDOG: Final = "watchdog"
"""The fingerprint of what the watchdog tells; those of alerts are hexadecimal."""


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as it stands. It fires while `ends_us` is 0; `updated_us` is when it was told."""

    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = {}
    starts_us: int
    ends_us: int = 0
    updated_us: int = 0
    value: str = ""
    generator_url: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """`reopen_us`: an alert that comes back so soon reopens its incident."""

    reopen_us: int = 300_000_000
    max_open: int = MAX_OPEN


class Intake:
    """Takes alerts into the book."""

    def __init__(self, book: Book, response: Response, rules: Rules, limits: Limits) -> None:
        self._book = book
        self._response = response
        self._rules = rules
        self._limits = limits

    def take(self, signals: Iterable[Signal], now_us: int) -> None:
        """Take alerts in, in the order in which they came."""
        for signal in signals:
            owner = self._book.owners.get(signal.fingerprint)
            case = None if owner is None else self._book.cases[owner]
            if case is None:
                if not signal.ends_us:
                    self._place(signal, now_us)
            elif signal.ends_us:
                self._ended(case, signal, now_us)
            else:
                self._fires(case, signal, now_us)

    # -- one that is known

    def _fires(self, case: Case, signal: Signal, now_us: int) -> None:
        member = case.alerts[signal.fingerprint]
        if member.fires:
            self._goes_on(case, member, signal, now_us)
        elif max(signal.starts_us, signal.updated_us) > member.ends_us:
            self._comes_back(case, member, signal, now_us)

    def _goes_on(self, case: Case, member: Member, signal: Signal, now_us: int) -> None:
        if signal.starts_us < member.starts_us:
            earlier = msgspec.structs.replace(member, starts_us=signal.starts_us)
            self._book.hold(case, earlier, signal.labels)
        if not case.incident.is_open and now_us - case.incident.resolved_us >= STILL_FIRES_US:
            self._response.reopen(
                case, now_us, SYSTEM, {"alert": member.name, "why": "still_firing"}
            )

    def _comes_back(self, case: Case, member: Member, signal: Signal, now_us: int) -> None:
        incident = case.incident
        if not incident.is_open and now_us - incident.resolved_us > self._limits.reopen_us:
            self._place(signal, now_us)
            return
        if not incident.is_open:
            self._response.reopen(case, now_us, SYSTEM, {"alert": member.name, "why": "flapping"})
        again = msgspec.structs.replace(
            member,
            starts_us=signal.starts_us,
            ends_us=0,
            value=signal.value if member.labels else "",
            flaps=member.flaps + 1,
        )
        self._book.hold(case, again, signal.labels)
        flaps = case.incident.flaps + 1
        self._book.put(
            case, msgspec.structs.replace(case.incident, quiet_us=0, flaps=flaps), now_us
        )
        if flaps <= MAX_NOTED or flaps % 100 == 0:
            facts = {"alert": member.name, "flaps": str(flaps), "value": signal.value}
            self._note(case, now_us, "alert_again", facts)

    def _ended(self, case: Case, signal: Signal, now_us: int) -> None:
        member = case.alerts[signal.fingerprint]
        if not member.fires or signal.ends_us < member.starts_us:
            return
        ended = msgspec.structs.replace(member, ends_us=signal.ends_us)
        self._book.hold(case, ended, signal.labels)
        incident = case.incident
        if not case.firing and incident.is_open:
            incident = msgspec.structs.replace(incident, quiet_us=now_us)
        self._book.put(case, incident, now_us)
        if len(case.alerts) <= MAX_NOTED:
            self._note(case, now_us, "alert_ended", {"alert": member.name})
        if not case.firing and incident.is_open:
            self._note(case, now_us, "quiet", {"alerts": str(len(case.alerts))})

    # -- one that is new

    def _place(self, signal: Signal, now_us: int) -> None:
        found: dict[str, Reason] = {}
        for near in self._book.neighbours.of(signal.labels, signal.starts_us, signal.fingerprint):
            found.setdefault(self._book.owners[near.fingerprint], near.reason)
        if not found:
            self._open_for(signal, now_us)
            return
        home, *others = (self._book.cases[id_] for id_ in sorted(found))
        self._join(home, signal, found[home.incident.id], now_us)
        for other in others:
            if may_fuse(home) and may_fuse(other):
                reason = found[other.incident.id]
                facts = reason_facts(reason) | {"alert": _name(signal)}
                self._response.merge(other, home, now_us, SYSTEM, facts)

    def _open_for(self, signal: Signal, now_us: int) -> None:
        if sum(1 for _ in self._book.open()) < self._limits.max_open:
            self._opened(signal, now_us)
            return
        home = max(self._book.open(), key=lambda case: case.incident.opened_us)
        self._join(home, signal, Reason(kind="overflow"), now_us)

    def _opened(self, signal: Signal, now_us: int) -> None:
        level = level_of(signal.labels)
        case = self._book.add(
            Incident(
                id=self._book.next_id(now_us),
                title=title_of(signal),
                level=level,
                worst_alert=level,
                service=service_of(signal.labels, self._rules),
                started_us=signal.starts_us,
                opened_us=now_us,
                updated_us=now_us,
                links=_links(signal),
            )
        )
        origin: Origin = "watchdog" if signal.fingerprint == WATCHDOG else "alert"
        self._book.counts.opened[level, origin] += 1
        self._book.hold(case, _member(signal, Reason(kind="first"), now_us), signal.labels)
        facts = {"alert": _name(signal), "value": signal.value}
        self._note(case, now_us, "triggered", facts)
        self._book.announce("incident.triggered", case, now_us, alert=signal.labels)
        self._response.classify(case, now_us, _by(signal.labels))

    def _join(self, case: Case, signal: Signal, reason: Reason, now_us: int) -> None:
        self._book.hold(case, _member(signal, reason, now_us), signal.labels)
        incident, level = case.incident, level_of(signal.labels)
        if is_worse(level, incident.worst_alert):
            incident = msgspec.structs.replace(incident, title=title_of(signal))
        links = dict.fromkeys((*incident.links, *_links(signal)))
        changed = msgspec.structs.replace(
            incident,
            quiet_us=0,
            started_us=min(incident.started_us, signal.starts_us),
            links=tuple(links)[:MAX_LINKS],
        )
        self._book.put(case, changed, now_us)
        number = len(case.alerts)
        if number <= MAX_NOTED or number % 1000 == 0:
            facts = {"alert": _name(signal), "level": level, "value": signal.value}
            told = reason_facts(reason) | {"alerts": str(number)}
            self._note(case, now_us, "alert_joined", facts | told)
        self._response.weigh(case, level, now_us, _name(signal))

    def _note(self, case: Case, now_us: int, what: str, facts: Mapping[str, str]) -> None:
        told = {name: value for name, value in facts.items() if value}
        self._book.note(case, Entry(at_us=now_us, who=SYSTEM, what=what, facts=told))


def may_fuse(case: Case) -> bool:
    """Whether the product may merge it by itself: nobody has touched it."""
    return case.incident.is_unanswered and not case.incident.is_parted


def title_of(signal: Signal) -> str:
    """The alert's summary, else its name."""
    summary = " ".join(signal.annotations.get("summary", "").split())
    return (summary or _name(signal))[:MAX_TITLE]


def reason_facts(reason: Reason) -> dict[str, str]:
    """As the timeline keeps it."""
    facts = {
        "reason": reason.kind,
        "name": reason.name,
        "shared": reason.value,
        "other": reason.other,
        "apart_seconds": str(reason.apart_us // 1_000_000) if reason.other else "",
    }
    return {name: value for name, value in facts.items() if value}


def _member(signal: Signal, reason: Reason, now_us: int) -> Member:
    return Member(
        fingerprint=signal.fingerprint,
        starts_us=signal.starts_us,
        joined_us=now_us,
        labels=signal.labels,
        annotations=signal.annotations,
        value=signal.value,
        generator_url=signal.generator_url,
        reason=reason,
    )


def _name(signal: Signal) -> str:
    return signal.labels.get("alertname", signal.fingerprint)


def _by(labels: Mapping[str, str]) -> str:
    return next((name for name in ("level", "severity") if labels.get(name)), "default")


def _links(signal: Signal) -> tuple[Link, ...]:
    """The alert's expression in the console of whoever evaluates it, its runbook, its dashboard."""
    found = (
        (_name(signal), signal.generator_url),
        ("runbook", signal.annotations.get("runbook_url", "")),
        ("dashboard", signal.annotations.get("dashboard_url", "")),
    )
    return tuple(Link(title=title, url=url) for title, url in found if url)
