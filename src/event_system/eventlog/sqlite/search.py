"""How stored events are found: by the index as far as it reaches, by a scan beyond.

The index is read run by run from the end at which the page begins, so a page costs what it
holds and a look at each run, however large the log is. Keys are hashes: every hit is compared
with the stored strings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from event_system.eventlog.sqlite.postings import Keys, Part, Postings
from event_system.eventlog.sqlite.schema import COLUMNS
from event_system.eventlog.sqlite.snapshot import Snapshot, Values
from event_system.eventlog.sqlite.where import data_terms
from event_system.eventlog.wanted import Pattern, Wanted, exact_type
from event_system.events.event import KEY_COLUMNS, Event
from event_system.kernel.lanes import id_key, source_key, subject_key, type_key
from event_system.kernel.patterns import matches

MAX_TYPES = 256
_MAX_KNOWN_TYPES = 10_000
_FEW = 64
"""Events that are looked up at once, at first; then twice as many each time, up to `_MANY`."""
_MANY = 1024

_FIELDS = ", ".join(f"e.{name}" for name in ("offset", *COLUMNS[KEY_COLUMNS:]))
_TYPES = "SELECT type, type_key FROM idx.types WHERE type GLOB ?"
_SCAN = f"""
SELECT {_FIELDS} FROM events e WHERE e.offset BETWEEN :low AND :high AND {{terms}}
ORDER BY e.offset {{way}}
"""  # noqa: S608 - our own names
_AMONG = f"""
SELECT {_FIELDS} FROM events e
WHERE e.offset IN (SELECT value FROM json_each(:offsets)) AND {{terms}} ORDER BY e.offset {{way}}
"""  # noqa: S608 - our own names


@dataclass(frozen=True, slots=True)
class Search:
    """One search in one snapshot: `events(low, high)` yields what is wanted, in order."""

    view: Snapshot
    wanted: Wanted
    newest_first: bool
    _types: dict[str, bool] = field(default_factory=dict, init=False)  # whether they fit

    def events(self, low: int, high: int) -> Iterator[Event]:
        """Events with offsets from `low` to `high`; nothing is read before it is asked for."""
        if low > high:
            return iter(())
        before, through = self.view.before, self.view.through
        parts = [
            self._scan(low, min(high, before)),
            self._indexed(max(low, before + 1), min(high, through)),
            self._scan(max(low, through + 1), high),
        ]
        return chain.from_iterable(reversed(parts) if self.newest_first else parts)

    def among(self, offsets: Sequence[int]) -> Iterator[Event]:
        """Those of the events at these offsets that are wanted, in order."""
        terms, values = _terms(self.wanted)
        sql = _AMONG.format(terms=terms, way=self._way)
        return self._verified(sql, {**values, "offsets": json.dumps(list(offsets))})

    def _indexed(self, low: int, high: int) -> Iterator[Event]:
        if low > high:
            return iter(())
        parts = self._parts(Postings(self.view, low, high, self.newest_first))
        return self._scan(low, high) if parts is None else self._looked_up(parts)

    def _parts(self, postings: Postings) -> Iterator[Part] | None:
        """Where to look; None where no key narrows the search."""
        wanted = self.wanted
        if wanted.id is not None:
            return postings.of_id(id_key(wanted.id))
        groups: list[Keys] = []
        if wanted.subject is not None:
            groups.append([subject_key(wanted.subject)])
        if wanted.source is not None:
            groups.append([source_key(wanted.source)])
        types = self._type_keys()
        return postings.of_all(groups, types) if groups or types is not None else None

    def _looked_up(self, parts: Iterator[Part]) -> Iterator[Event]:
        enough = _FEW
        waiting: list[int] = []
        for part in parts:
            waiting += part.offsets or ()
            if len(waiting) >= enough or part.offsets is None:
                yield from self.among(waiting)
                waiting = []
                enough = min(2 * enough, _MANY)
            if part.offsets is None:
                yield from self._scan(part.first, part.last)
        yield from self.among(waiting)

    def _scan(self, low: int, high: int) -> Iterator[Event]:
        terms, values = _terms(self.wanted)
        sql = _SCAN.format(terms=terms, way=self._way)
        return self._verified(sql, {**values, "low": low, "high": high})

    def _verified(self, sql: str, values: Values) -> Iterator[Event]:
        for row in self.view.rows(sql, values):
            event = Event(*row)
            if self._fits(event.type) and self._holds(event):
                yield event

    def _fits(self, type_: str) -> bool:
        if (known := self._types.get(type_)) is None:
            if len(self._types) >= _MAX_KNOWN_TYPES:
                self._types.clear()
            known = self._types[type_] = self.wanted.fits(type_)
        return known

    def _holds(self, event: Event) -> bool:
        return all(test.holds(event) for test in self.wanted.where)

    @property
    def _way(self) -> str:
        return "DESC" if self.newest_first else "ASC"

    # Which types are meant

    def _type_keys(self) -> Keys | None:
        """The keys of the types that can be meant; None where all can, or too many."""
        keys = (self._keys_of(patterns) for patterns in self.wanted.choices)
        return next((found for found in keys if found is not None), None)

    def _keys_of(self, patterns: Sequence[Pattern]) -> Keys | None:
        """Those of the types that match one of these patterns; None where they are many."""
        found: dict[str, int] = {}
        for pattern in patterns:
            for type_, key in self._types_of(pattern):
                if self._fits(type_):
                    found[type_] = key
                if len(found) > MAX_TYPES:
                    return None
        return list(found.values())

    def _types_of(self, pattern: Pattern) -> Iterator[tuple[str, int]]:
        if (exact := exact_type(pattern)) is not None:
            yield exact, type_key(exact)
        else:
            for type_, key in self.view.rows(_TYPES, (_glob(pattern),)):
                if matches(pattern, type_):
                    yield type_, key


def _terms(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    """SQL that is true of what is wanted, and its values.

    Patterns and conditions on data are still to be verified.
    """
    terms = ["TRUE"]
    values: dict[str, Any] = {}
    keys = (
        ("id", wanted.id, id_key),
        ("subject", wanted.subject, subject_key),
        ("type", wanted.exact_type, type_key),
        ("source", wanted.source, source_key),
    )
    for name, text, key in keys:
        if text is not None:
            terms.append(f"e.{name}_key = :{name}_key AND e.{name} = :{name}")
            values |= {f"{name}_key": key(text), name: text}
    if wanted.wildcard is not None:
        terms.append("e.type GLOB :glob")
        values["glob"] = _glob(wanted.wildcard)
    if wanted.where:  # last: only here is the data read
        term, bound = data_terms(wanted.where)
        terms.append(term)
        values |= bound
    return " AND ".join(terms), values


def _glob(pattern: Pattern) -> str:
    """A GLOB that every match of the pattern fulfils; its `*` may span dots."""
    return ".".join("*" if segment == ">" else segment for segment in pattern)
