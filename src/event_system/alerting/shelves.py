"""Sets of matchers by a label that must have one of few values, so that few are asked."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

from event_system.alerting.labels import Labels
from event_system.alerting.matchers import Matcher, Matchers

_WORDS: Final = re.compile(r"[\w ,:@/-]+(\|[\w ,:@/-]+)*")
_MOST_VALUES: Final = 100
K = TypeVar("K")


class Shelves(Generic[K]):
    """Keys of sets of matchers. Those that no label narrows down are candidates for all labels."""

    def __init__(self) -> None:
        self._by_pair: dict[tuple[str, str], set[K]] = defaultdict(set)
        self._others: set[K] = set()

    def put(self, key: K, matchers: Matchers) -> None:
        """Note a set of matchers under its key."""
        for shelf in self._shelves(matchers):
            shelf.add(key)

    def drop(self, key: K, matchers: Matchers) -> None:
        """Forget what was put under this key."""
        for pair in _pairs(matchers):
            self._by_pair[pair].discard(key)
            if not self._by_pair[pair]:
                del self._by_pair[pair]
        self._others.discard(key)

    def _shelves(self, matchers: Matchers) -> Iterator[set[K]]:
        pairs = _pairs(matchers)
        if not pairs:
            yield self._others
        for pair in pairs:
            yield self._by_pair[pair]

    def candidates(self, labels: Labels) -> Iterator[K]:
        """Keys whose matchers may match: each once."""
        if self._by_pair:
            for pair in labels.items():
                yield from self._by_pair.get(pair, ())
        yield from self._others


def _pairs(matchers: Matchers) -> list[tuple[str, str]]:
    """Of one label: what it may be, where that is known and not empty."""
    for matcher in matchers:
        if values := _values(matcher):
            return [(matcher.name, value) for value in values]
    return []


def _values(matcher: Matcher) -> list[str]:
    if matcher.operator == "=":
        return [matcher.value] if matcher.value else []
    if matcher.operator != "=~" or _WORDS.fullmatch(matcher.value) is None:
        return []
    values = sorted(set(matcher.value.split("|")))
    return values if len(values) <= _MOST_VALUES else []
