"""What a search looks for, with its patterns parsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from event_system.events.ports import Filter
from event_system.events.where import DataTest
from event_system.kernel.patterns import matches, parse_pattern

Pattern: TypeAlias = tuple[str, ...]

_ALL = (">",)


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
        return None if self.pattern is None else exact_type(self.pattern)

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


def wanted_of(query: Filter) -> Wanted:
    """What a filter asks of an event itself. Raises `InvalidPatternError`."""
    pattern = None if query.pattern is None else parse_pattern(query.pattern)
    return Wanted(
        subject=query.subject,
        source=query.source,
        pattern=pattern,
        listened=tuple(map(parse_pattern, query.listened)),
        where=query.where,
    )


def exact_type(pattern: Pattern) -> str | None:
    """The one type that the pattern stands for."""
    return None if "*" in pattern or pattern[-1] == ">" else ".".join(pattern)
