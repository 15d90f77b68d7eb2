"""How stored events are found: by the index as far as it reaches, by a scan beyond.

The index is read run by run from the end at which the page begins, so a page costs what it
holds and one probe a run, however large the log is. Keys are hashes: every hit is compared
with the stored strings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import chain
from operator import attrgetter, gt, lt
from typing import Any, TypeAlias

from event_system.eventlog.sqlite.index import BLOCK_EVENTS
from event_system.eventlog.sqlite.schema import COLUMNS
from event_system.eventlog.sqlite.snapshot import Snapshot, Values
from event_system.eventlog.sqlite.where import data_terms
from event_system.events.event import KEY_COLUMNS, Event
from event_system.events.where import DataTest
from event_system.kernel.lanes import id_key, source_key, subject_key, type_key
from event_system.kernel.patterns import matches

MAX_TYPES = 256
_MAX_KNOWN_TYPES = 10_000
_SAMPLED_RUNS = 4
_SAMPLED_POSTINGS = 512

_FIELDS = ", ".join(f"e.{name}" for name in ("offset", *COLUMNS[KEY_COLUMNS:]))
_TYPES = "SELECT type, type_key FROM idx.types WHERE type GLOB ?"
_SAMPLE = f"""
SELECT count(*) FROM (
    SELECT 1 FROM idx.keys WHERE run = ? AND key = ? LIMIT {_SAMPLED_POSTINGS}
)
"""  # noqa: S608 - our own names
_SCAN = f"""
SELECT {_FIELDS} FROM events e WHERE e.offset BETWEEN :low AND :high AND {{terms}}
ORDER BY e.offset {{way}}
"""  # noqa: S608 - our own names
_AMONG = f"""
SELECT {_FIELDS} FROM events e
WHERE e.offset IN (SELECT value FROM json_each(:offsets)) AND {{terms}} ORDER BY e.offset {{way}}
"""  # noqa: S608 - our own names
# A posting speaks for the `width` offsets after it as well.
_FOLLOW = f"""
SELECT {_FIELDS} FROM {{runs}} r CROSS JOIN idx.keys k CROSS JOIN events e
WHERE {{of_runs}} r.run BETWEEN :first_run AND :last_run
AND k.run = r.run AND k.key = :key AND k.offset BETWEEN :low - :width AND :high
AND e.offset BETWEEN max(k.offset, :low) AND min(k.offset + :width, :high)
AND {{terms}}
ORDER BY r.run {{way}}, k.offset {{way}}, e.offset {{way}}
"""  # noqa: S608 - our own names

_ALL = (">",)

Pattern: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an event must have. Patterns are parsed; None anywhere asks for nothing.

    One of `listened` must match, where there are any.
    """

    id: str | None = None
    subject: str | None = None
    source: str | None = None
    pattern: Pattern | None = None
    listened: tuple[Pattern, ...] = ()
    where: tuple[DataTest, ...] = ()

    @property
    def exact_type(self) -> str | None:
        return None if self.pattern is None else _exact(self.pattern)

    @property
    def wildcard(self) -> Pattern | None:
        """The pattern, where it stands for several types but not for all."""
        several = self.pattern not in (None, _ALL) and self.exact_type is None
        return self.pattern if several else None

    @property
    def choices(self) -> list[tuple[Pattern, ...]]:
        """Patterns by group; a type must match one of each group. What leaves all is left out."""
        groups = [() if self.pattern is None else (self.pattern,), self.listened]
        return [group for group in groups if group and _ALL not in group]

    def fits(self, type_: str) -> bool:
        """Whether events of this type can be meant."""
        return all(any(matches(p, type_) for p in group) for group in self.choices)


@dataclass(frozen=True, slots=True)
class Stream:
    """Postings of one key; of one type, where `type` is given."""

    key: int
    width: int = 0
    type: str | None = None


Streams: TypeAlias = list[Stream]


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
        terms, values = _terms(self.wanted, None)
        sql = _AMONG.format(terms=terms, way=self._way)
        return self._verified(sql, {**values, "offsets": json.dumps(list(offsets))})

    def _indexed(self, low: int, high: int) -> Iterator[Event]:
        if low > high:
            return
        streams = self._streams(low, high)
        if streams is None:
            yield from self._scan(low, high)
            return
        parts = [self._follow(stream, low, high) for stream in streams]
        yield from merge(*parts, key=attrgetter("offset"), reverse=self.newest_first)

    def _follow(self, stream: Stream, low: int, high: int) -> Iterator[Event]:
        terms, values = _terms(self.wanted, stream.type)
        by_type = stream.type is not None
        sql = _FOLLOW.format(
            runs="idx.type_runs" if by_type else "idx.runs",
            of_runs="r.type_key = :key AND" if by_type else "",
            terms=terms,
            way=self._way,
        )
        span = {"first_run": self.view.run_of(low), "last_run": self.view.run_of(high)}
        values |= {**span, "low": low, "high": high, "key": stream.key, "width": stream.width}
        found = self._verified(sql, values)
        return self._once(found) if stream.width else found

    def _once(self, events: Iterator[Event]) -> Iterator[Event]:
        """Leave out what overlapping blocks repeat.

        A block may reach into the next run, or hold another kind's posting of the same hash.
        """
        beyond = lt if self.newest_first else gt
        last = self.view.head + 1 if self.newest_first else 0
        for event in events:
            if beyond(event.offset, last):
                last = event.offset
                yield event

    def _scan(self, low: int, high: int) -> Iterator[Event]:
        terms, values = _terms(self.wanted, None)
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

    # Which postings to follow

    def _streams(self, low: int, high: int) -> Streams | None:
        """Those of the rarest key; None where no key narrows the search."""
        wanted = self.wanted
        if wanted.id is not None:
            return [Stream(id_key(wanted.id))]
        choices: list[Streams] = []
        if wanted.subject is not None:
            choices.append([Stream(subject_key(wanted.subject))])
        types = map(self._type_streams, wanted.choices)
        choices += [streams for streams in types if streams is not None]
        if wanted.source is not None:
            choices.append([Stream(source_key(wanted.source), BLOCK_EVENTS - 1)])
        if len(choices) < 2:
            return choices[0] if choices else None
        return min(choices, key=lambda streams: self._cost(streams, low, high))

    def _type_streams(self, patterns: Sequence[Pattern]) -> Streams | None:
        """Those of the types that match one of these patterns; None where they are many."""
        streams: dict[str, Stream] = {}
        for pattern in patterns:
            for type_, key in self._types_of(pattern):
                if self._fits(type_):
                    streams[type_] = Stream(key, BLOCK_EVENTS - 1, type_)
                if len(streams) > MAX_TYPES:
                    return None
        return list(streams.values())

    def _types_of(self, pattern: Pattern) -> Iterator[tuple[str, int]]:
        if (exact := _exact(pattern)) is not None:
            yield exact, type_key(exact)
        else:
            for type_, key in self.view.rows(_TYPES, (_glob(pattern),)):
                if matches(pattern, type_):
                    yield type_, key

    def _cost(self, streams: Streams, low: int, high: int) -> int:
        """Postings in a few runs spread over the range."""
        first, last = self.view.run_of(low), self.view.run_of(high)
        step = max(1, (last - first) // (_SAMPLED_RUNS - 1))
        counts = (
            self.view.rows(_SAMPLE, (run, stream.key)).get
            for run in range(first, last + 1, step)
            for stream in streams
        )
        return sum(counts)


def _terms(wanted: Wanted, type_: str | None) -> tuple[str, dict[str, Any]]:
    """SQL that is true of what is wanted, and its values.

    Patterns and conditions on data are still to be verified.
    """
    type_ = type_ or wanted.exact_type
    terms = ["TRUE"]
    values: dict[str, Any] = {}
    keys = (
        ("id", wanted.id, id_key),
        ("subject", wanted.subject, subject_key),
        ("type", type_, type_key),
        ("source", wanted.source, source_key),
    )
    for name, text, key in keys:
        if text is not None:
            terms.append(f"e.{name}_key = :{name}_key AND e.{name} = :{name}")
            values |= {f"{name}_key": key(text), name: text}
    if wanted.wildcard is not None and type_ is None:
        terms.append("e.type GLOB :glob")
        values["glob"] = _glob(wanted.wildcard)
    if wanted.where:  # last: only here is the data read
        term, bound = data_terms(wanted.where)
        terms.append(term)
        values |= bound
    return " AND ".join(terms), values


def _exact(pattern: Pattern) -> str | None:
    """The one type that the pattern stands for."""
    return None if "*" in pattern or pattern[-1] == ">" else ".".join(pattern)


def _glob(pattern: Pattern) -> str:
    """A GLOB that every match of the pattern fulfils; its `*` may span dots."""
    return ".".join("*" if segment == ">" else segment for segment in pattern)
