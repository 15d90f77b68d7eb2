"""Schedules: layers of rotations, and those who stand in, made into who answers when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from heapq import heappop, heappush
from itertools import pairwise
from typing import Protocol

from event_system.kernel.spans import Span, difference
from event_system.oncall.overrides import Override
from event_system.oncall.rotations import People, Shift


class Turns(Protocol):
    """Who has a turn when, by one rule: a layer of a schedule."""

    @property
    def name(self) -> str: ...

    @property
    def cycle_us(self) -> int:
        """How long it takes until everybody has had a turn, about."""

    def shifts(self, within: Span) -> list[Shift]:
        """Sorted, without overlaps, cut to a span."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Layers, of which the last one that has somebody counts.

    `calendar` names the working hours of those who have none of their own.
    """

    name: str
    zone: tzinfo
    layers: tuple[Turns, ...]
    calendar: str | None = None
    description: str = ""

    def shifts(self, within: Span, overrides: Iterable[Override] = ()) -> list[Shift]:
        """Who answers in a span: sorted, without overlaps, the longest that they can be.

        Of two overrides that meet, the one made later counts.
        """
        found = [shift for layer in self.layers for shift in layer.shifts(within)]
        ordered = sorted(overrides, key=lambda each: (each.created_us, each.id))
        found += (shift for each in ordered if (shift := each.shift(within)) is not None)
        return joined(topmost(found))

    def on_call(self, at_us: int, overrides: Iterable[Override] = ()) -> People:
        """Who answers at a moment; empty in a gap."""
        shifts = self.shifts(Span(at_us, at_us + 1), overrides)
        return shifts[0].people if shifts else ()

    def gaps(self, within: Span, overrides: Iterable[Override] = ()) -> list[Span]:
        """When nobody answers."""
        return difference([within], [shift.span for shift in self.shifts(within, overrides)])

    @property
    def cycle_us(self) -> int:
        """How long it takes until everybody has had a turn, about."""
        return max((layer.cycle_us for layer in self.layers), default=0)


def topmost(shifts: Sequence[Shift]) -> list[Shift]:
    """What is seen of shifts of which a later one covers those before it; sorted, in pieces."""
    coming = sorted(range(len(shifts)), key=lambda place: shifts[place].start_us, reverse=True)
    edges = sorted({edge for shift in shifts for edge in shift.span})
    open_: list[int] = []
    found = []
    for start, end in pairwise(edges):
        while coming and shifts[coming[-1]].start_us <= start:
            heappush(open_, -coming.pop())
        while open_ and shifts[-open_[0]].end_us <= start:
            heappop(open_)
        if open_:
            found.append(replace(shifts[-open_[0]], start_us=start, end_us=end))
    return found


def joined(shifts: Sequence[Shift]) -> list[Shift]:
    """Shifts that follow each other without a change of hands are one."""
    found = list(shifts[:1])
    for before, after in pairwise(shifts):
        if before.end_us == after.start_us and _same_hands(before, after):
            found[-1] = replace(found[-1], end_us=after.end_us)
        else:
            found.append(after)
    return found


def _same_hands(one: Shift, other: Shift) -> bool:
    return (one.people, one.kind, one.by) == (other.people, other.kind, other.by)
