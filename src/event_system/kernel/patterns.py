"""Event type patterns: `*` is one segment, `>` is the rest (one segment or more).

`player.*` matches `player.login` but not `player.item.drop`; `player.>` matches both.
`PatternIndex` finds every value whose pattern matches a type by walking the type's segments,
so the number of other patterns costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Generic, TypeVar

from event_system.kernel.errors import InvalidPatternError

MAX_TYPE_LENGTH = 255
MAX_KNOWN_TYPES = 10_000
_TYPE = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*", re.ASCII)
_SEGMENT = re.compile(r"[A-Za-z0-9_-]+|\*", re.ASCII)

T = TypeVar("T")


def is_event_type(text: str) -> bool:
    """Whether `text` is a plain event type such as `player.level_up`."""
    return len(text) <= MAX_TYPE_LENGTH and _TYPE.fullmatch(text) is not None


def parse_pattern(pattern: str) -> tuple[str, ...]:
    """The pattern's segments.

    Raises `InvalidPatternError` for an empty segment, a foreign character, or a `>` before
    the end.
    """
    segments = tuple(pattern.split("."))
    head = segments[:-1] if segments[-1] == ">" else segments
    if len(pattern) > MAX_TYPE_LENGTH or not all(_SEGMENT.fullmatch(s) for s in head):
        raise InvalidPatternError(f"{pattern[:80]!r} is no event type pattern", where=pattern[:80])
    return segments


def matches(pattern: tuple[str, ...], type_: str) -> bool:
    """Whether a parsed pattern matches an event type."""
    segments = type_.split(".")
    if pattern[-1] == ">":
        pattern = pattern[:-1]
        if len(segments) <= len(pattern):
            return False
        segments = segments[: len(pattern)]
    return len(segments) == len(pattern) and all(
        p in ("*", s) for p, s in zip(pattern, segments, strict=True)
    )


class PatternIndex(Generic[T]):
    """A trie of patterns; each node is a segment."""

    def __init__(self) -> None:
        self._children: dict[str, PatternIndex[T]] = {}
        self._values: list[T] = []

    def add(self, pattern: tuple[str, ...], value: T) -> None:
        node = self
        for segment in pattern:
            node = node._children.setdefault(segment, PatternIndex())
        node._values.append(value)

    def find(self, type_: str) -> list[T]:
        """Every value whose pattern matches, in no particular order."""
        found: list[T] = []
        self._collect(type_.split("."), 0, found)
        return found

    def _collect(self, segments: list[str], depth: int, found: list[T]) -> None:
        if depth == len(segments):
            found.extend(self._values)
            return
        if rest := self._children.get(">"):
            found.extend(rest._values)
        for name in (segments[depth], "*"):
            if child := self._children.get(name):
                child._collect(segments, depth + 1, found)


class AnyPattern:
    """Whether a type matches any of several patterns; remembers the types that it was asked."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = [parse_pattern(pattern) for pattern in patterns]
        self._known: dict[str, bool] = {}
        self.everything = (">",) in self._patterns
        """Whether every type matches."""

    def __call__(self, type_: str) -> bool:
        known = self._known.get(type_)
        if known is None:
            known = any(matches(pattern, type_) for pattern in self._patterns)
            if len(self._known) >= MAX_KNOWN_TYPES:
                self._known.clear()
            self._known[type_] = known
        return known
