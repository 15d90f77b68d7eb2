"""What operators do with an incident. No I/O; everything is refused before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from event_system.incidents.book import MAX_ENTRIES, Book, Case
from event_system.incidents.incident import Acknowledgement, Entry, Incident
from event_system.incidents.levels import LEVELS, Level
from event_system.incidents.response import Response
from event_system.incidents.states import Action, after
from event_system.kernel.errors import (
    IncidentChangedError,
    IncidentFullError,
    InvalidIncidentError,
)

Verb: TypeAlias = Literal[
    "acknowledge",
    "assign",
    "analyse",
    "mitigate",
    "update",
    "reclassify",
    "snooze",
    "resolve",
    "reopen",
    "merge",
    "split",
    "close",
]
VERBS: Final[tuple[Verb, ...]] = get_args(Verb)
MAX_TEXT: Final = 10_000
MAX_NAME: Final = 200
MAX_SPLIT: Final = 1_000
MOST_SNOOZE_US: Final = 7 * 86_400_000_000
NEEDS_TEXT: Final = frozenset(("analyse", "mitigate", "update"))


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is given with an action; each has its own members.

    `text` is a note and may go with all. `assignee` goes with `assign`, `level` with `reclassify`,
    `seconds` with `snooze`, `into` with `merge`, `alerts` (fingerprints) and `title` with `split`.
    `version` is that of the incident as the caller has seen it; without it the last one counts.
    """

    text: str = ""
    assignee: str = ""
    level: str = ""
    seconds: int = 0
    into: str = ""
    alerts: tuple[str, ...] = ()
    title: str = ""
    version: int | None = None


@dataclass(frozen=True, slots=True)
class _Doing:
    case: Case
    who: str
    now_us: int
    asked: Request

    def entry(self, what: str, facts: Mapping[str, str] | None = None) -> Entry:
        return Entry(
            at_us=self.now_us, who=self.who, what=what, text=self.asked.text, facts=facts or {}
        )


class Actions:
    """Does what operators ask for, by name."""

    def __init__(self, book: Book, response: Response) -> None:
        self._book = book
        self._response = response
        self._how: Mapping[Verb, Callable[[_Doing], None]] = {
            "acknowledge": self._acknowledge,
            "assign": self._assign,
            "analyse": lambda doing: self._tell(doing, "analyse", "analysed"),
            "mitigate": lambda doing: self._tell(doing, "mitigate", "mitigated"),
            "update": lambda doing: self._tell(doing, "update", "updated"),
            "reclassify": self._reclassify,
            "snooze": self._snooze,
            "resolve": self._resolve,
            "reopen": self._reopen,
            "merge": self._merge,
            "split": self._split,
            "close": self._close,
        }

    def do(self, incident: str, verb: Verb, who: str, now_us: int, asked: Request) -> Incident:
        """The incident afterwards.

        Raises `IncidentNotFoundError`, `IncidentChangedError`, `IncidentTransitionError`,
        `InvalidIncidentError` and `IncidentFullError`; then nothing has changed.
        """
        case = self._book.get(incident)
        _check(case.incident, verb, asked)
        _check_room(case)
        self._how[verb](_Doing(case, who, now_us, asked))
        return self._book.get(incident).incident

    def _acknowledge(self, doing: _Doing) -> None:
        case, now_us = doing.case, doing.now_us
        before = case.incident
        said = Acknowledgement(who=doing.who, at_us=now_us)
        self._response.step(
            case,
            "acknowledge",
            now_us,
            doing.entry("acknowledged"),
            acknowledgements=(*before.acknowledgements, said)[-100:],
            acknowledged_us=before.acknowledged_us or now_us,
            assignee=before.assignee or doing.who,
            snoozed_until_us=0,
        )
        if not before.acknowledged_us:
            self._book.counts.acknowledged_after[before.level].add(now_us - before.opened_us)
        self._go_on(doing)
        self._book.announce("incident.acknowledged", case, now_us, who=doing.who)

    def _go_on(self, doing: _Doing) -> None:
        incident = self._response.answered(doing.case.incident, doing.now_us)
        self._book.put(doing.case, incident, doing.now_us)

    def _assign(self, doing: _Doing) -> None:
        case, assignee = doing.case, doing.asked.assignee
        facts = {"to": assignee}
        self._response.step(
            case, "assign", doing.now_us, doing.entry("assigned", facts), assignee=assignee
        )
        if assignee != doing.who:
            self._response.call(case, assignee, "assigned", doing.now_us)
        self._book.announce(
            "incident.updated", case, doing.now_us, who=doing.who, assignee=assignee
        )

    def _tell(self, doing: _Doing, action: Action, what: str) -> None:
        changes = {}
        if action == "mitigate":
            changes["mitigated_us"] = doing.case.incident.mitigated_us or doing.now_us
        self._response.step(doing.case, action, doing.now_us, doing.entry(what), **changes)
        self._go_on(doing)
        self._book.announce(
            f"incident.{what}", doing.case, doing.now_us, who=doing.who, text=doing.asked.text
        )

    def _reclassify(self, doing: _Doing) -> None:
        level = _level(doing.asked.level)
        facts = {"text": doing.asked.text} if doing.asked.text else {}
        if level == doing.case.incident.level:
            raise InvalidIncidentError(f"{doing.case.incident.id} is {level}", where="level")
        self._response.set_level(doing.case, level, doing.now_us, doing.who, facts)

    def _snooze(self, doing: _Doing) -> None:
        until_us = doing.now_us + doing.asked.seconds * 1_000_000
        entry = doing.entry("snoozed", {"seconds": str(doing.asked.seconds)})
        self._response.step(doing.case, "snooze", doing.now_us, entry, snoozed_until_us=until_us)
        self._book.announce("incident.snoozed", doing.case, doing.now_us, who=doing.who)

    def _resolve(self, doing: _Doing) -> None:
        self._response.resolve(doing.case, doing.now_us, doing.who, doing.asked.text)

    def _reopen(self, doing: _Doing) -> None:
        self._response.reopen(doing.case, doing.now_us, doing.who, {}, doing.asked.text)

    def _close(self, doing: _Doing) -> None:
        self._response.close(doing.case, doing.now_us, doing.who, doing.asked.text)

    def _merge(self, doing: _Doing) -> None:
        into = self._book.get(doing.asked.into)
        gone = doing.case.incident.id
        if into.incident.id == gone:
            raise InvalidIncidentError("an incident cannot be merged into itself", where="into")
        after(into.incident.state, "merge", into.incident.id)
        _check_room(into)
        facts = {"text": doing.asked.text} if doing.asked.text else {}
        self._response.merge(doing.case, into, doing.now_us, doing.who, facts)
        parted = msgspec.structs.replace(into.incident, is_parted=True)
        self._book.put(into, parted, doing.now_us)

    def _split(self, doing: _Doing) -> None:
        case, wanted = doing.case, list(dict.fromkeys(doing.asked.alerts))
        for fingerprint in wanted:
            if fingerprint not in case.alerts:
                raise InvalidIncidentError(
                    f"{case.incident.id} has no alert {fingerprint[:80]!r}", where="alerts"
                )
        if not 0 < len(wanted) < len(case.alerts):
            raise InvalidIncidentError(
                "name some of its alerts, and leave it at least one", where="alerts"
            )
        fresh = self._book.add(self._parted(doing, wanted))
        self._book.counts.opened[fresh.incident.level, "operator"] += 1
        facts = {"from": case.incident.id, "alerts": str(len(wanted))}
        self._book.note(fresh, doing.entry("triggered", facts))
        self._book.announce("incident.triggered", fresh, doing.now_us, who=doing.who)
        self._response.split(case, fresh, wanted, doing.now_us, doing.who)

    def _parted(self, doing: _Doing, wanted: list[str]) -> Incident:
        """The incident for alerts that are split off: as far as the one they come from."""
        before = doing.case.incident
        members = [doing.case.alerts[fingerprint] for fingerprint in wanted]
        fires = any(member.fires for member in members)
        return Incident(
            id=self._book.next_id(doing.now_us),
            title=doing.asked.title or members[0].name,
            level=before.level,
            worst_alert=before.worst_alert,
            service=before.service,
            state=before.state,
            started_us=min(member.starts_us for member in members),
            opened_us=doing.now_us,
            updated_us=doing.now_us,
            acknowledged_us=before.acknowledged_us,
            acknowledgements=before.acknowledgements,
            assignee=before.assignee,
            escalation=before.escalation,
            snoozed_until_us=before.snoozed_until_us,
            quiet_us=0 if fires else doing.now_us,
            is_parted=True,
        )


def _check(incident: Incident, verb: Verb, asked: Request) -> None:
    """Everything that can be refused without looking further."""
    if asked.version is not None and asked.version != incident.version:
        raise IncidentChangedError(
            f"{incident.id} is version {incident.version}, not {asked.version}", where="version"
        )
    after(incident.state, verb, incident.id)
    _check_texts(asked)
    if verb in NEEDS_TEXT and not asked.text.strip():
        raise InvalidIncidentError(f"to {verb} takes a text", where="text")
    if verb == "assign" and not asked.assignee.strip():
        raise InvalidIncidentError("to assign takes a name", where="assignee")
    if verb == "snooze" and not 0 < asked.seconds * 1_000_000 <= MOST_SNOOZE_US:
        raise InvalidIncidentError("a snooze is from 1 second to 7 days", where="seconds")
    if verb == "split" and len(asked.alerts) > MAX_SPLIT:
        raise InvalidIncidentError(f"name {MAX_SPLIT:,} alerts at most", where="alerts")


def _check_room(case: Case) -> None:
    """An action writes a few entries; it is done whole or not at all."""
    if len(case.timeline) > MAX_ENTRIES - 4:
        told = f"the timeline of {case.incident.id} has {len(case.timeline):,} entries"
        raise IncidentFullError(told, where="text")


def _check_texts(asked: Request) -> None:
    for name, text, most in (
        ("text", asked.text, MAX_TEXT),
        ("assignee", asked.assignee, MAX_NAME),
        ("title", asked.title, MAX_NAME),
    ):
        if len(text) > most:
            raise InvalidIncidentError(f"has over {most:,} characters", where=name)
        if any(c < " " and c not in "\n\t\r" for c in text):
            raise InvalidIncidentError("has control characters", where=name)


def _level(text: str) -> Level:
    for level in LEVELS:
        if text == level:
            return level
    raise InvalidIncidentError(f"{text[:20]!r} is none of {', '.join(LEVELS)}", where="level")
