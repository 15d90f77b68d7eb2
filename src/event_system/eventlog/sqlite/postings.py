"""Where in the log the index says to look for what is searched, run by run.

A list of postings has the offsets of one key in one run. A search for several keys takes the
offsets that all of their lists have, so it reads few events that it does not want, however
seldom the keys meet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from event_system.eventlog.sqlite.snapshot import Snapshot

SPARSE = 8
"""Keys of more than one event in so many are tested on the events: these are soon found."""

_MANY = 32
"""Of so many, each is looked up in a set rather than in the list of another key."""

_IDS = """
SELECT r.run, i.offset FROM idx.runs r CROSS JOIN idx.ids i
WHERE r.run BETWEEN :first_run AND :last_run AND i.run = r.run AND i.key = :key
ORDER BY r.run {way}
"""
_LISTS = """
SELECT r.run{lists} FROM idx.runs r{joins} WHERE r.run BETWEEN :first_run AND :last_run{with_type}
ORDER BY r.run {way}
"""
_POSTING_BYTES = 3  # at most
# Of a list that is not sparse nothing but its length is read.
_LIST = ", CASE WHEN length(p{0}.offsets) <= :most THEN p{0}.offsets END"
_JOIN = """ CROSS JOIN idx.postings p{0}
ON p{0}.run = r.run AND p{0}.key IN (SELECT value FROM json_each(:keys{0}))"""
_WITH_TYPE = """ AND r.run IN (
    SELECT run FROM idx.type_runs WHERE type_key IN (SELECT value FROM json_each(:types))
)"""

Keys: TypeAlias = Sequence[int]
Lists: TypeAlias = list[bytes | None]
"""What is posted of each group of keys in one run; None is more than is worth reading."""
Rows: TypeAlias = Iterable[tuple[Any, ...]]


class Part(NamedTuple):
    """Look at `offsets`, which are in the order asked for; None is all from `first` to `last`."""

    first: int
    last: int
    offsets: list[int] | None


@dataclass(frozen=True, slots=True)
class Postings:
    """The index from offset `low` to `high`, both of which it knows."""

    view: Snapshot
    low: int
    high: int
    newest_first: bool

    def of_id(self, key: int) -> Iterator[Part]:
        """The events whose ids have this key."""
        rows = self.view.rows(_IDS.format(way=self._way), {**self._span, "key": key})
        for run, group in groupby(rows, itemgetter(0)):
            yield self._part(run, [offset for _, offset in group])

    def of_all(self, groups: Sequence[Keys], types: Keys | None) -> Iterator[Part]:
        """Events that have a key of each group, and one of the types unless these are None.

        As keys are hashes, and not all lists are read, there are others among them.
        """
        most = self.view.run_events // SPARSE
        values: dict[str, Any] = {**self._span, "most": most * _POSTING_BYTES}
        if types is not None:
            groups = [*groups, types]
            values["types"] = json.dumps(types)
        numbers = range(len(groups))
        values |= {f"keys{n}": json.dumps(groups[n]) for n in numbers}
        sql = _LISTS.format(
            lists="".join(_LIST.format(n) for n in numbers),
            joins="".join(_JOIN.format(n) for n in numbers),
            with_type="" if types is None else _WITH_TYPE,
            way=self._way,
        )
        rows = self.view.rows(sql, values)
        single = all(len(keys) == 1 for keys in groups)
        for run, lists in _one_by_one(rows) if single else _together(rows):
            texts = [posted.decode(errors="replace") for posted in lists if posted is not None]
            sparse = [text for text in texts if len(text) <= most]
            if not sparse:
                yield self._part(run, None)
            elif common := _common(sparse):
                before = run * self.view.run_events
                yield self._part(run, [before + ord(place) for place in common])

    def _part(self, run: int, found: list[int] | None) -> Part:
        before, size = run * self.view.run_events, self.view.run_events
        first, last = max(self.low, before + 1), min(self.high, before + size)
        if found is None:
            return Part(first, last, None)
        within = [offset for offset in found if first <= offset <= last]
        return Part(first, last, sorted(within, reverse=self.newest_first))

    @property
    def _span(self) -> dict[str, int]:
        first, last = self.view.run_of(self.low), self.view.run_of(self.high)
        return {"first_run": first, "last_run": last}

    @property
    def _way(self) -> str:
        return "DESC" if self.newest_first else "ASC"


def _one_by_one(rows: Rows) -> Iterator[tuple[int, Lists]]:
    for run, *lists in rows:
        yield run, lists


def _together(rows: Rows) -> Iterator[tuple[int, Lists]]:
    """The lists of each group of keys as one; rows have each of a group with each of the others."""
    for run, several in groupby(rows, itemgetter(0)):
        groups = list(zip(*several, strict=True))[1:]
        yield run, [None if None in lists else b"".join(set(lists)) for lists in groups]


def _common(lists: list[str]) -> set[str]:
    """What is posted in all of these."""
    lists.sort(key=len)
    found = set(lists[0])
    for posted in lists[1:]:
        places = posted if len(found) < _MANY else set(posted)
        found = {place for place in found if place in places}
    return found
