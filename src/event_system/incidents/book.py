"""All incidents in memory, and what of them is to be stored. No I/O.

Those that are at work are kept whole; closed ones as they are stored, compressed, about a kilobyte
each.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from event_system.events.outbox import Announcement
from event_system.incidents.correlation import Neighbourhood, Rules
from event_system.incidents.counts import Counts
from event_system.incidents.incident import SYSTEM, Entry, Incident, Member
from event_system.incidents.pages import PageRow
from event_system.incidents.postmortem import Postmortem
from event_system.kernel.clock import to_datetime
from event_system.kernel.errors import IncidentFullError, IncidentNotFoundError

INCIDENTS: Final = "incidents"
ALERTS: Final = "incident_alerts"
TIMELINE: Final = "incident_timeline"
PAGES: Final = "incident_pages"
ARCHIVE: Final = "incident_archive"
LINKS: Final = "incident_links"
POSTMORTEMS: Final = "postmortems"
KINDS: Final = (INCIDENTS, ALERTS, TIMELINE, PAGES, ARCHIVE, LINKS, POSTMORTEMS)

MAX_ENTRIES: Final = 1_000
MAX_OWN_ENTRIES: Final = 800
"""What the product may write into a timeline; the rest is for people."""
MAX_WHOLE: Final = 500
"""Alerts of an incident that are kept with their labels; of further ones only moments."""
MAX_ARCHIVED_ALERTS: Final = 100
_encode = msgspec.msgpack.encode


@dataclass(slots=True)
class Case:
    """An incident with all that belongs to it. `firing` counts its alerts that fire."""

    incident: Incident
    alerts: dict[str, Member] = field(default_factory=dict)
    timeline: list[Entry] = field(default_factory=list)
    pages: dict[str, PageRow] = field(default_factory=dict)
    firing: int = 0


class _Archived(msgspec.Struct, frozen=True):
    """A closed incident as it is stored."""

    incident: Incident
    alerts: list[Member]
    timeline: list[Entry]
    pages: list[PageRow]


_decode = msgspec.msgpack.Decoder(_Archived).decode


class Book:
    """What is known of incidents. Changes gather in `waiting` until they are taken and stored."""

    def __init__(self, rules: Rules, new_id: Callable[[], str]) -> None:
        self.cases: dict[str, Case] = {}
        self.owners: dict[str, str] = {}
        """The incident that an alert is in, of those that are not closed; the newest."""
        self.neighbours = Neighbourhood(rules)
        self.counts = Counts()
        self.announcements: list[Announcement] = []
        self.used_links: dict[str, int] = {}
        """Links of notifications that were used, and when they would have ended."""
        self.postmortems: dict[str, Postmortem] = {}
        self._archive: dict[str, bytes] = {}
        self._waiting: dict[str, dict[str, Any]] = {}
        self._new_id = new_id

    # -- reading

    def __iter__(self) -> Iterator[Case]:
        """Those that are not closed."""
        return iter(self.cases.values())

    def open(self) -> Iterator[Case]:
        return (case for case in self.cases.values() if case.incident.is_open)

    def get(self, incident: str) -> Case:
        """Closed ones too. Raises `IncidentNotFoundError`."""
        if (case := self.cases.get(incident)) is not None:
            return case
        if (kept := self._archive.get(incident)) is not None:
            return _case(_decode(zlib.decompress(kept)))
        raise IncidentNotFoundError(f"there is no incident {incident[:80]!r}", where="id")

    def ids(self) -> list[str]:
        """All, the newest first."""
        return sorted((*self.cases, *self._archive), key=_order, reverse=True)

    def open_ids(self) -> list[str]:
        """Those that are open, the newest first."""
        return sorted((case.incident.id for case in self.open()), key=_order, reverse=True)

    def after(self, ids: list[str], last: str) -> list[str]:
        """Those of `ids` that are older than the last one of a page."""
        place = _order(last)
        return [each for each in ids if _order(each) < place]

    def find(self, incident: str) -> Incident | None:
        """An incident that may be gone by now."""
        return self.get(incident).incident if incident in self else None

    def __contains__(self, incident: str) -> bool:
        return incident in self.cases or incident in self._archive

    def is_archived(self, incident: str) -> bool:
        return incident in self._archive

    @property
    def archived(self) -> tuple[int, int]:
        """How many are archived, and their bytes."""
        return len(self._archive), sum(map(len, self._archive.values()))

    def next_id(self, now_us: int) -> str:
        """`INC-20261121-0001`: the day in UTC and a number of that day."""
        day = f"INC-{to_datetime(now_us):%Y%m%d}-"
        mine = (each for each in (*self.cases, *self._archive) if each.startswith(day))
        last = max((int(each.removeprefix(day)) for each in mine), default=0)
        return f"{day}{last + 1:04d}"

    # -- changing

    def put(self, case: Case, incident: Incident, now_us: int) -> None:
        """An incident as it is from now on; its version grows."""
        version = case.incident.version + 1
        case.incident = msgspec.structs.replace(incident, version=version, updated_us=now_us)
        self._wait(INCIDENTS, incident.id, case.incident)

    def add(self, incident: Incident) -> Case:
        case = self.cases[incident.id] = Case(incident)
        self._wait(INCIDENTS, incident.id, incident)
        return case

    def hold(self, case: Case, member: Member, labels: Mapping[str, str]) -> None:
        """Take an alert into an incident, or change it there; it leaves the one it was in."""
        id_, fingerprint = case.incident.id, member.fingerprint
        if (owner := self.owners.get(fingerprint)) not in {None, id_}:
            assert owner is not None
            if self.cases[owner].incident.is_open:
                self._leave(self.cases[owner], fingerprint)
        before = case.alerts.get(fingerprint)
        if before is None and len(case.alerts) >= MAX_WHOLE:
            member = msgspec.structs.replace(member, labels={}, annotations={}, generator_url="")
        case.firing += member.fires - (before is not None and before.fires)
        case.alerts[fingerprint] = member
        self.owners[fingerprint] = id_
        if case.incident.is_open:
            self.neighbours.put(fingerprint, labels, member.starts_us)
        self._wait(ALERTS, f"{id_}/{fingerprint}", member)

    def _leave(self, case: Case, fingerprint: str) -> None:
        member = case.alerts.pop(fingerprint)
        case.firing -= member.fires
        self._wait(ALERTS, f"{case.incident.id}/{fingerprint}", None)

    def draw_near(self, case: Case) -> None:
        """Let the alerts of an incident that is open again have neighbours."""
        for fingerprint, member in case.alerts.items():
            self.neighbours.put(fingerprint, member.labels, member.starts_us)

    def draw_away(self, case: Case) -> None:
        """Let those of one that is not open any more have none."""
        for fingerprint in case.alerts:
            if self.owners.get(fingerprint) == case.incident.id:
                self.neighbours.drop(fingerprint)

    def note(self, case: Case, entry: Entry) -> None:
        """Append to the timeline. Raises `IncidentFullError` for what a person writes."""
        size = len(case.timeline)
        if entry.who == SYSTEM and size >= MAX_OWN_ENTRIES:
            return
        if size >= MAX_ENTRIES:
            raise IncidentFullError(f"{case.incident.id} has {size:,} entries", where="text")
        case.timeline.append(entry)
        self._wait(TIMELINE, f"{case.incident.id}/{size + 1:06d}", entry)

    def page(self, case: Case, row: PageRow) -> None:
        """Take a page in, or change it."""
        case.pages[row.id] = row
        self._wait(PAGES, row.id, row)

    def drop_page(self, case: Case, row: PageRow) -> None:
        del case.pages[row.id]
        self._wait(PAGES, row.id, None)

    def new_page_id(self) -> str:
        return self._new_id()

    def announce(self, what: str, case: Case, now_us: int, **facts: Any) -> None:
        """Owe an event of the log."""
        incident = case.incident
        data = {
            "incident": incident.id,
            "title": incident.title,
            "level": incident.level,
            "service": incident.service,
            "state": incident.state,
            "version": incident.version,
            "alerts": len(case.alerts),
            **facts,
        }
        self.announcements.append(
            Announcement(
                id=self._new_id(), type=what, subject=incident.id, time_us=now_us, data=data
            )
        )

    def archive(self, case: Case) -> None:
        """Keep a closed incident compressed."""
        id_ = case.incident.id
        self._keep(case)
        self._forget_rows(case)
        self._wait(INCIDENTS, id_, None)
        del self.cases[id_]

    def _keep(self, case: Case) -> None:
        incident = case.incident
        whole = [each for each in case.alerts.values() if each.labels][:MAX_ARCHIVED_ALERTS]
        row = _Archived(incident, whole, case.timeline, list(case.pages.values()))
        self._archive[incident.id] = kept = zlib.compress(_encode(row))
        self._wait(ARCHIVE, incident.id, msgspec.Raw(kept))

    def refer(self, case: Case, entry: Entry, postmortem: str) -> None:
        """Say in an incident, closed ones too, what became of its postmortem."""
        incident = msgspec.structs.replace(case.incident, postmortem=postmortem)
        if case.incident.id in self.cases:
            self.note(case, entry)
            self.put(case, incident, entry.at_us)
            return
        if len(case.timeline) < MAX_ENTRIES:
            case.timeline.append(entry)
        case.incident = msgspec.structs.replace(incident, version=incident.version + 1)
        self._keep(case)

    def _forget_rows(self, case: Case) -> None:
        id_ = case.incident.id
        for fingerprint in case.alerts:
            self._wait(ALERTS, f"{id_}/{fingerprint}", None)
            if self.owners.get(fingerprint) == id_:
                del self.owners[fingerprint]
        for number in range(len(case.timeline)):
            self._wait(TIMELINE, f"{id_}/{number + 1:06d}", None)
        for page in case.pages:
            self._wait(PAGES, page, None)

    def forget(self, incident: str) -> None:
        """An archived incident whose retention is over."""
        del self._archive[incident]
        self._wait(ARCHIVE, incident, None)
        if self.postmortems.pop(incident, None) is not None:
            self._wait(POSTMORTEMS, incident, None)

    def use_rules(self, rules: Rules) -> None:
        """Correlate by other rules from now on."""
        self.neighbours = Neighbourhood(rules)
        for case in self.open():
            self.draw_near(case)

    def put_postmortem(self, postmortem: Postmortem) -> None:
        self.postmortems[postmortem.incident] = postmortem
        self._wait(POSTMORTEMS, postmortem.incident, postmortem)

    def use_link(self, nonce: str, ends_us: int) -> None:
        self.used_links[nonce] = ends_us
        self._wait(LINKS, nonce, ends_us)

    def forget_links(self, now_us: int) -> None:
        """Those that are over anyway."""
        for nonce in [each for each, ends_us in self.used_links.items() if ends_us < now_us]:
            del self.used_links[nonce]
            self._wait(LINKS, nonce, None)

    # -- storing

    def _wait(self, kind: str, key: str, row: Any) -> None:
        self._waiting.setdefault(kind, {})[key] = row

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting or self.announcements)

    def take(self) -> tuple[dict[str, dict[str, bytes | None]], list[Announcement]]:
        """What is to be stored together, and what is to be announced then."""
        waiting, self._waiting = self._waiting, {}
        announcements, self.announcements = self.announcements, []
        changes = {
            kind: {key: _row(row) for key, row in rows.items()} for kind, rows in waiting.items()
        }
        return changes, announcements

    def put_back(
        self, changes: Mapping[str, Mapping[str, bytes | None]], announced: Iterable[Announcement]
    ) -> None:
        """What could not be stored waits again, but for what has changed since."""
        for kind, rows in changes.items():
            mine = self._waiting.setdefault(kind, {})
            for key, row in rows.items():
                mine.setdefault(key, None if row is None else msgspec.Raw(row))
        self.announcements[:0] = announced

    def load(self, kept: Mapping[str, Mapping[str, bytes]]) -> None:
        """Take up what was stored, by kind. Raises `msgspec.DecodeError`."""
        for id_, row in kept[INCIDENTS].items():
            self.cases[id_] = Case(msgspec.msgpack.decode(row, type=Incident))
        self._load_alerts(kept[ALERTS])
        for key in sorted(kept[TIMELINE]):
            entry = msgspec.msgpack.decode(kept[TIMELINE][key], type=Entry)
            self.cases[key.rpartition("/")[0]].timeline.append(entry)
        for id_, row in kept[PAGES].items():
            page = msgspec.msgpack.decode(row, type=PageRow)
            self.cases[page.incident].pages[id_] = page
        self._archive = dict(kept[ARCHIVE])
        self.postmortems = {
            id_: msgspec.msgpack.decode(row, type=Postmortem)
            for id_, row in kept[POSTMORTEMS].items()
        }
        self.used_links = {
            nonce: msgspec.msgpack.decode(row, type=int) for nonce, row in kept[LINKS].items()
        }

    def _load_alerts(self, rows: Mapping[str, bytes]) -> None:
        for key in sorted(rows, key=lambda key: _order(key.partition("/")[0])):
            id_, _, fingerprint = key.partition("/")
            case = self.cases[id_]
            member = msgspec.msgpack.decode(rows[key], type=Member)
            case.alerts[fingerprint] = member
            case.firing += member.fires
            owner = self.owners.get(fingerprint)
            if owner is None or case.incident.is_open or not self.cases[owner].incident.is_open:
                self.owners[fingerprint] = id_
            if case.incident.is_open and member.labels:
                self.neighbours.put(fingerprint, member.labels, member.starts_us)


def _row(row: Any) -> bytes | None:
    if row is None:
        return None
    return bytes(row) if isinstance(row, msgspec.Raw) else _encode(row)


def _case(kept: _Archived) -> Case:
    alerts = {each.fingerprint: each for each in kept.alerts}
    pages = {each.id: each for each in kept.pages}
    return Case(kept.incident, alerts, kept.timeline, pages)


def _order(incident: str) -> tuple[str, int]:
    """Ids in the order of their making, also past 9,999 a day."""
    day, _, number = incident.rpartition("-")
    return day, int(number) if number.isdecimal() else 0
