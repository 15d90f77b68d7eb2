"""Whom an incident pages, and by which methods: escalation, reminders, the end. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from event_system.incidents.book import Book, Case
from event_system.incidents.escalation import Plan, Step
from event_system.incidents.incident import SYSTEM, Entry, Escalation
from event_system.incidents.pages import PageRow, dropped
from event_system.incidents.ports import Purpose, Reach, Roster

MAX_PAGES: Final = 300
"""Pages of an incident that are kept; of more the oldest that are done are forgotten."""
PERSON: Final = "person:"
SCHEDULE: Final = "schedule:"
RECEIVER: Final = "receiver:"
QUIET_AFTER: Final = "phone"
"""Nobody is called to hear of the end who hears of it otherwise."""


class Calls:
    """Makes pages. A target is `person:NAME` or `receiver:NAME` once it is paged."""

    def __init__(self, book: Book, plan: Plan, roster: Roster, reach: Reach) -> None:
        self._book = book
        self._plan = plan
        self._roster = roster
        self._reach = reach

    # -- the chain

    def advance(self, case: Case, now_us: int) -> None:
        """Do what is due for an open incident: the end of a snooze, a step, a reminder."""
        incident = case.incident
        if incident.snoozed_until_us > now_us:
            return
        if incident.snoozed_until_us:
            self._wake(case, now_us)
        escalation = case.incident.escalation
        if escalation is None or not 0 < escalation.due_us <= now_us:
            return
        if case.incident.is_unanswered:
            self._take_step(case, now_us)
        else:
            self._remind(case, now_us)

    def _wake(self, case: Case, now_us: int) -> None:
        self._note(case, now_us, "snooze_over", {})
        incident = msgspec.structs.replace(case.incident, snoozed_until_us=0)
        if incident.escalation is not None:
            due = msgspec.structs.replace(incident.escalation, due_us=now_us)
            incident = msgspec.structs.replace(incident, escalation=due)
        self._book.put(case, incident, now_us)

    def _take_step(self, case: Case, now_us: int) -> None:
        """One step; where it reaches nobody, the next one at once."""
        escalation = case.incident.escalation
        while escalation is not None and 0 < escalation.due_us <= now_us:
            step = self._plan.step_of(escalation)
            if step is None:
                escalation = msgspec.structs.replace(escalation, due_us=0)
                break
            number, is_last = escalation.step, escalation.round
            if is_last:
                self._note(case, now_us, "nobody_answered", {"round": str(escalation.round)})
            told = self._page(case, step, escalation, now_us)
            following = self._plan.after_step(escalation, now_us)
            if not told and following.step != number:
                following = msgspec.structs.replace(following, due_us=now_us)
            if number or is_last:
                self._book.announce("incident.escalated", case, now_us, step=number, told=told)
            escalation = following
        incident = msgspec.structs.replace(case.incident, escalation=escalation)
        self._book.put(case, incident, now_us)

    def _page(self, case: Case, step: Step, escalation: Escalation, now_us: int) -> list[str]:
        """Page all of a step; the targets that will be told."""
        number, known = escalation.step, escalation.told
        purpose: Purpose = "escalated" if number or escalation.round else "opened"
        told = []
        for target in self._people(step, now_us):
            methods = self._methods(target, step.methods)
            if not methods:
                self._note(case, now_us, "unreachable", {"target": target})
                continue
            told.append(target)
            fresh = [each for each in methods if f"{target}/{each}" not in known]
            for method in fresh:
                self._owe(case, target, method, purpose, now_us)
        what = "escalated" if purpose == "escalated" else "paging"
        facts = {
            "step": str(number + 1),
            "targets": ", ".join(told),
            "methods": ", ".join(step.methods),
        }
        if told:
            self._note(case, now_us, what, facts)
        else:
            self._note(case, now_us, "nobody", {"targets": ", ".join(step.targets)})
        return told

    def _people(self, step: Step, now_us: int) -> list[str]:
        """Targets in their order, each once; of a schedule the one who is on call first."""
        found: list[str] = []
        for target in step.targets:
            if target.startswith(SCHEDULE):
                names = self._roster.on_call(target.removeprefix(SCHEDULE), now_us)
                found.extend(f"{PERSON}{name}" for name in names[:1])
            else:
                found.append(target)
        return list(dict.fromkeys(found))

    def _methods(self, target: str, wanted: Sequence[str]) -> list[str]:
        """Those that are wanted and reach the person; any that does where none of them does."""
        if target.startswith(RECEIVER):
            return ["receiver"]
        there = self._reach.methods(target.removeprefix(PERSON))
        return [method for method in wanted if method in there] or list(there)

    def _remind(self, case: Case, now_us: int) -> None:
        """No news for too long: the assignee is asked, and the second time the chain's end too."""
        incident, escalation = case.incident, case.incident.escalation
        assert escalation is not None
        self._note(case, now_us, "reminded", {"who": incident.assignee})
        self.call(case, incident.assignee, "reminder", now_us)
        chain = self._plan.policies[incident.level].chain
        if escalation.reminders and chain:
            for target in self._people(chain[-1], now_us):
                for method in self._methods(target, chain[-1].methods):
                    self._owe(case, target, method, "escalated", now_us)
            self._book.announce("incident.escalated", case, now_us, reminders=escalation.reminders)
        reminded = self._plan.reminded(escalation, now_us)
        self._book.put(case, msgspec.structs.replace(incident, escalation=reminded), now_us)

    # -- others

    def call(self, case: Case, person: str, purpose: Purpose, now_us: int) -> None:
        """Page one person by the methods of the level."""
        chain = self._plan.policies[case.incident.level].chain
        wanted = chain[0].methods if chain else ()
        if person and self._reach.methods(person):
            for method in self._methods(f"{PERSON}{person}", wanted):
                self._owe(case, f"{PERSON}{person}", method, purpose, now_us)

    def told(self, case: Case) -> tuple[str, ...]:
        """`target/method` that know of the incident, or are about to."""
        found = (row for row in case.pages.values() if row.state in {"sent", "owed"})
        return tuple(sorted({f"{row.target}/{row.method}" for row in found}))

    def tell_end(self, case: Case, now_us: int) -> None:
        """Whoever was told of the beginning is told of the end; what nobody knows yet is not."""
        for row in list(case.pages.values()):
            if row.is_owed:
                self._book.page(case, dropped(row, now_us))
        for target, method in sorted(_know(case.pages.values())):
            self._owe(case, target, method, "recovery", now_us)

    def tell_end_to(self, case: Case, row: PageRow, now_us: int) -> None:
        """A page was on its way while the incident ended, and has arrived."""
        self._owe(case, row.target, row.method, "recovery", now_us)

    def are_owed(self, case: Case) -> bool:
        return any(row.is_owed for row in case.pages.values())

    def drop(self, case: Case, now_us: int) -> None:
        """Tell nothing of what is not true any more."""
        for row in list(case.pages.values()):
            if row.is_owed:
                self._book.page(case, dropped(row, now_us))

    def _owe(self, case: Case, target: str, method: str, purpose: Purpose, now_us: int) -> None:
        escalation = case.incident.escalation
        row = PageRow(
            id=self._book.new_page_id(),
            incident=case.incident.id,
            target=target,
            method=method,
            purpose=purpose,
            made_us=now_us,
            next_us=now_us,
            step=0 if escalation is None else escalation.step,
        )
        self._book.page(case, row)
        self._forget_some(case)

    def _forget_some(self, case: Case) -> None:
        """Of many pages the oldest are forgotten, but for the last one of each way."""
        if len(case.pages) <= MAX_PAGES:
            return
        last = {(row.target, row.method): row.id for row in case.pages.values()}
        done = [
            row for row in case.pages.values() if not row.is_owed and row.id not in last.values()
        ]
        for old in done[: len(case.pages) - MAX_PAGES]:
            self._book.drop_page(case, old)

    def _note(self, case: Case, now_us: int, what: str, facts: dict[str, str]) -> None:
        told = {name: value for name, value in facts.items() if value}
        self._book.note(case, Entry(at_us=now_us, who=SYSTEM, what=what, facts=told))


def _know(rows: Iterable[PageRow]) -> Iterator[tuple[str, str]]:
    """Targets and methods that were told of something, and not of its end since."""
    ways: dict[str, dict[str, bool]] = {}
    for row in sorted(rows, key=lambda row: row.done_us):
        if row.state == "sent":
            ways.setdefault(row.target, {})[row.method] = row.purpose != "recovery"
    for target, methods in ways.items():
        known = [method for method, is_told in methods.items() if is_told]
        yield from ((target, each) for each in known if each != QUIET_AFTER or len(known) == 1)
