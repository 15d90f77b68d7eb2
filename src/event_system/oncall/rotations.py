"""Rotations: people who take turns, one after the other, by the clocks of a time zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Literal

from event_system.kernel.civil import moment_of, wall_time
from event_system.kernel.spans import Span, intersection

People = tuple[str, ...]
"""Names of people; the first is asked first."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Shift:
    """Who answers from `start_us` up to, but not, `end_us`.

    `by` says which layer or which override has it so, and `kind` which of the two it is.
    """

    start_us: int
    end_us: int
    people: People
    kind: Literal["layer", "override"]
    by: str

    @property
    def span(self) -> Span:
        return Span(self.start_us, self.end_us)


@dataclass(frozen=True, slots=True)
class Restriction:
    """A part of each of some weekdays (Monday is 0), in minutes from midnight.

    An `end` of more than a day lies on the next one.
    """

    weekdays: frozenset[int]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Layer:
    """Turns of equal length from a first hand-over on.

    `length` is by the clocks on the wall: a week is from Monday 09:00 to Monday 09:00, also where
    these are set in between and it lasts an hour more or less. Before the first hand-over and
    after `last` (which still counts) nobody has a turn. `restrictions`, where there are any, are
    when a turn counts.
    """

    name: str
    turns: tuple[People, ...]
    zone: tzinfo
    first: datetime
    length: timedelta
    restrictions: tuple[Restriction, ...] = ()
    last: date | None = None

    @property
    def cycle_us(self) -> int:
        """How long it takes until everybody has had a turn, by the clocks."""
        return int(self.length.total_seconds()) * len(self.turns) * 1_000_000

    def shifts(self, within: Span) -> list[Shift]:
        """The turns that a span meets, cut to it, without what restrictions leave out."""
        found = []
        for people, turn in self._turns(within):
            parts = [turn.clipped(within)]
            if self.restrictions:
                parts = intersection(parts, self._restricted(turn.clipped(within)))
            found += [
                Shift(part.start_us, part.end_us, people, "layer", self.name)
                for part in parts
                if part.length_us
            ]
        return found

    def _turns(self, within: Span) -> Iterator[tuple[People, Span]]:
        last = within.end_us if self.last is None else self._midnight_after(self.last)
        number = max(0, (wall_time(within.start_us, self.zone) - self.first) // self.length)
        start = self._start(number)
        while start < min(within.end_us, last):
            end = self._start(number + 1)
            if end > within.start_us:
                people = self.turns[number % len(self.turns)]
                yield people, Span(start, min(end, last) if self.last else end)
            number, start = number + 1, end

    def _start(self, number: int) -> int:
        return moment_of(self.first + number * self.length, self.zone)

    def _midnight_after(self, day: date) -> int:
        return moment_of(datetime.combine(day + _DAY, time()), self.zone)

    def _restricted(self, within: Span) -> list[Span]:
        """When the restrictions let a turn count."""
        if not within.length_us:
            return []
        day = wall_time(within.start_us, self.zone).date() - 2 * _DAY
        last = wall_time(within.end_us, self.zone).date()
        found = []
        while day <= last:
            midnight = datetime.combine(day, time())
            found += [
                Span(self._after(midnight, each.start), self._after(midnight, each.end))
                for each in self.restrictions
                if day.weekday() in each.weekdays
            ]
            day += _DAY
        return found

    def _after(self, midnight: datetime, minutes: int) -> int:
        return moment_of(midnight + timedelta(minutes=minutes), self.zone)
