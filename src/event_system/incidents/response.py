"""What the product does about an incident by itself, and the rules of every change of state. No I/O.

The steps of S1 §3.3 in the order of a good response; `actions.py` has those of operators.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from event_system.incidents.book import Book, Case
from event_system.incidents.calls import Calls
from event_system.incidents.escalation import Plan
from event_system.incidents.incident import SYSTEM, Entry, Incident, Reason
from event_system.incidents.levels import Level, is_worse
from event_system.incidents.ports import Purpose
from event_system.incidents.states import Action, after


class Response:
    """Changes incidents by the table of states, with their timeline, pages and events."""

    def __init__(self, book: Book, plan: Plan, calls: Calls) -> None:
        self._book = book
        self._plan = plan
        self._calls = calls

    def step(
        self,
        case: Case,
        action: Action,
        now_us: int,
        entry: Entry,
        **changes: Any,
    ) -> None:
        """One action: the state after it, an entry, the changes. Raises as `states.after`."""
        state = after(case.incident.state, action, case.incident.id)
        self._book.note(case, entry)
        changed = msgspec.structs.replace(case.incident, state=state, **changes)
        self._book.put(case, changed, now_us)

    def classify(self, case: Case, now_us: int, by: str) -> None:
        level = case.incident.level
        entry = own("classified", now_us, {"level": level, "by": by})
        escalation = self._plan.begun(level, now_us)
        self.step(case, "classify", now_us, entry, escalation=escalation)
        self._book.announce("incident.classified", case, now_us)

    def weigh(self, case: Case, level: Level, now_us: int, alert: str) -> None:
        """An alert of this level has joined: one worse than all before raises the incident."""
        before = case.incident.worst_alert
        if not is_worse(level, before):
            return
        worse = msgspec.structs.replace(case.incident, worst_alert=level)
        self._book.put(case, worse, now_us)
        if is_worse(level, case.incident.level):
            self.set_level(case, level, now_us, SYSTEM, {"alert": alert})

    def set_level(
        self, case: Case, level: Level, now_us: int, who: str, facts: Mapping[str, str]
    ) -> None:
        """Another level: a worse one is told to those who know of the incident, by its methods."""
        incident = case.incident
        told = {"from": incident.level, "to": level, **facts}
        self._book.note(case, Entry(at_us=now_us, who=who, what="level", facts=told))
        is_raised = is_worse(level, incident.level)
        escalation = self._plan.begun(level, now_us, self._calls.told(case) if is_raised else ())
        if not incident.is_unanswered:
            escalation = self._plan.stopped(escalation, now_us)
        elif not is_raised:
            escalation = self._plan.lowered(level, incident.opened_us, now_us)
        changed = msgspec.structs.replace(incident, level=level, escalation=escalation)
        self._book.put(case, changed, now_us)
        self._book.announce("incident.classified", case, now_us, before=incident.level, who=who)
        if is_raised and not incident.is_unanswered and incident.assignee:
            self._calls.call(case, incident.assignee, "raised", now_us)

    def resolve(self, case: Case, now_us: int, who: str, text: str = "") -> None:
        """The end: whoever was paged hears of it."""
        entry = Entry(at_us=now_us, who=who, what="resolved", text=text)
        self.step(
            case,
            "resolve",
            now_us,
            entry,
            resolved_us=now_us,
            resolved_by=who,
            escalation=None,
            snoozed_until_us=0,
        )
        self._book.draw_away(case)
        self._count_end(case.incident, now_us, who)
        self._book.announce("incident.resolved", case, now_us, who=who, text=text)
        self._calls.tell_end(case, now_us)
        self.settle(case, now_us)

    def _count_end(self, incident: Incident, now_us: int, who: str) -> None:
        counts, level = self._book.counts, incident.level
        counts.resolved[level, "alert" if who == SYSTEM else "operator"] += 1
        counts.resolved_after[level].add(now_us - incident.started_us)

    def settle(self, case: Case, now_us: int) -> None:
        """A resolved incident whose end is told to all is recovered."""
        if case.incident.state != "resolved" or self._calls.are_owed(case):
            return
        told = sum(row.purpose == "recovery" and row.state == "sent" for row in case.pages.values())
        entry = own("recovered", now_us, {"told": str(told)})
        self.step(case, "tell_recovery", now_us, entry)
        self._book.announce("incident.recovered", case, now_us, told=told)

    def reopen(
        self, case: Case, now_us: int, who: str, facts: Mapping[str, str], text: str = ""
    ) -> None:
        """It is back: the chain begins again."""
        incident = case.incident
        entry = Entry(at_us=now_us, who=who, what="reopened", facts=facts, text=text)
        self._calls.drop(case, now_us)
        self.step(
            case,
            "reopen",
            now_us,
            entry,
            escalation=self._plan.begun(incident.level, now_us),
            reopened=incident.reopened + 1,
            resolved_us=0,
            resolved_by="",
            quiet_us=0 if case.firing else now_us,
        )
        self._book.draw_near(case)
        self._book.announce("incident.triggered", case, now_us, reopened=incident.reopened + 1)

    def close(self, case: Case, now_us: int, who: str, text: str = "") -> None:
        """Nothing is to come; it is kept compressed from now on."""
        facts = {"postmortem": case.incident.postmortem} if case.incident.postmortem else {}
        entry = Entry(at_us=now_us, who=who, what="closed", text=text, facts=facts)
        self.step(case, "close", now_us, entry, closed_us=now_us)
        self._book.announce("incident.closed", case, now_us, who=who)
        self._book.archive(case)

    # -- several

    def merge(
        self, case: Case, into: Case, now_us: int, who: str, facts: Mapping[str, str]
    ) -> None:
        """Take an incident into another one, with its alerts and with those who know of it."""
        gone, home = case.incident, into.incident
        for fingerprint in list(case.alerts):
            self._move(case, into, fingerprint, facts)
        entry = Entry(at_us=now_us, who=who, what="merged", facts={"into": home.id, **facts})
        self.step(
            case, "merge", now_us, entry, merged_into=home.id, escalation=None, closed_us=now_us
        )
        for row in list(case.pages.values()):
            self._book.drop_page(case, row)
            self._book.page(into, msgspec.structs.replace(row, incident=home.id))
        taken = {"from": gone.id, "alerts": str(len(into.alerts)), **facts}
        self._book.note(into, Entry(at_us=now_us, who=who, what="took_in", facts=taken))
        self._book.put(into, _with(home, gone), now_us)
        self._book.announce("incident.updated", into, now_us, merged=gone.id)
        self._book.archive(case)
        self.weigh(into, gone.worst_alert, now_us, gone.id)

    def _move(self, case: Case, into: Case, fingerprint: str, facts: Mapping[str, str]) -> None:
        member = case.alerts[fingerprint]
        if "reason" not in facts:
            member = msgspec.structs.replace(member, reason=Reason(kind="operator"))
        self._book.hold(into, member, member.labels)

    def split(
        self, case: Case, fresh: Case, fingerprints: Sequence[str], now_us: int, who: str
    ) -> None:
        """Move alerts into an incident that was made for them."""
        for fingerprint in fingerprints:
            self._move(case, fresh, fingerprint, {})
        facts = {"into": fresh.incident.id, "alerts": str(len(fingerprints))}
        entry = Entry(at_us=now_us, who=who, what="split", facts=facts)
        quiet_us = case.incident.quiet_us or (0 if case.firing else now_us)
        self.step(case, "split", now_us, entry, is_parted=True, quiet_us=quiet_us)
        self._book.announce("incident.updated", case, now_us, split=fresh.incident.id)

    # -- pages

    def call(self, case: Case, person: str, purpose: Purpose, now_us: int) -> None:
        self._calls.call(case, person, purpose, now_us)

    def answered(self, incident: Incident, now_us: int) -> Incident:
        """Somebody is at work: what is due next is news."""
        if incident.escalation is None or incident.is_unanswered:
            return incident
        stopped = self._plan.stopped(incident.escalation, now_us)
        return msgspec.structs.replace(incident, escalation=stopped)


def own(what: str, now_us: int, facts: Mapping[str, str]) -> Entry:
    """An entry of the product itself."""
    return Entry(at_us=now_us, who=SYSTEM, what=what, facts=facts)


def _with(home: Incident, gone: Incident) -> Incident:
    """An incident that has taken in another one."""
    title = gone.title if is_worse(gone.worst_alert, home.worst_alert) else home.title
    return msgspec.structs.replace(
        home,
        title=title,
        started_us=min(home.started_us, gone.started_us),
        quiet_us=0 if not (home.quiet_us and gone.quiet_us) else home.quiet_us,
        flaps=home.flaps + gone.flaps,
        links=tuple(dict.fromkeys((*home.links, *gone.links)))[:10],
    )
