"""Which series there are: label sets by number, and the numbers by label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from event_system.promql.ports import Labels, Matcher

Refs: TypeAlias = NDArray[np.int64]
Whole = TypeVar("Whole", bound=np.signedinteger[Any])
NEVER: Final = np.iinfo(np.int64).min
UNKNOWN: Final = -1
ANY_NUMBER: Final = 2**31
"""Of series: more than an index can hold."""


def distinct(numbers: NDArray[Whole]) -> NDArray[Whole]:
    """Each of the numbers once, rising. `np.unique` loads masked arrays for it: 3 MB."""
    ordered = np.sort(numbers)
    return ordered[begins(ordered)]


def begins(ordered: NDArray[Whole]) -> NDArray[np.bool_]:
    """Where another number begins."""
    return np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]


class SeriesIndex:
    """Numbers for label sets. A number is never given twice; not for several threads at once."""

    def __init__(self) -> None:
        self.labels: list[Labels | None] = []
        self.newest_ms: NDArray[np.int64] = np.full(1024, NEVER)
        """By number: the time of the newest sample."""
        self._refs: dict[Labels, int] = {}
        self._postings: dict[str, dict[str, list[int]]] = {}
        self._words: dict[str, str] = {}

    def __len__(self) -> int:
        """How many series are known."""
        return len(self._refs)

    def refs(self, labels: Sequence[Labels], most: int) -> Refs:
        """The numbers of these series; `UNKNOWN` for new ones past `most`."""
        find = self._refs.get
        found = [find(each) for each in labels]
        if None in found:
            found = [
                self._add(each, most) if ref is None else ref
                for each, ref in zip(labels, found, strict=True)
            ]
        return np.array(found, np.int64)

    def _add(self, labels: Labels, most: int) -> int:
        if (known := self._refs.get(labels)) is not None:
            return known  # it came twice
        if len(self._refs) >= most:
            return UNKNOWN
        kept = tuple((self._word(name), self._word(value)) for name, value in labels)
        ref = self._refs[kept] = len(self.labels)
        self.labels.append(kept)
        if ref >= len(self.newest_ms):
            more = np.full(len(self.newest_ms), NEVER)
            self.newest_ms = np.concatenate([self.newest_ms, more])
        for name, value in kept:
            self._postings.setdefault(name, {}).setdefault(value, []).append(ref)
        return ref

    def _word(self, word: str) -> str:
        return self._words.setdefault(word, word)

    def label(self, ref: int) -> Labels:
        """The label set of a number in use."""
        found = self.labels[ref]
        assert found is not None
        return found

    def find(self, matchers: Iterable[Matcher]) -> Refs:
        """The series that all matchers fit, by rising number."""
        found: set[int] | None = None
        without: list[Matcher] = []
        for matcher in matchers:
            if matcher.matches(""):
                without.append(matcher)
            else:
                fitting = self._fitting(matcher)
                found = fitting if found is None else found & fitting
        if found is None:
            found = set(self._refs.values())
        for matcher in without:
            found = found - self._unfitting(matcher)
        return np.array(sorted(found), np.int64)

    def _fitting(self, matcher: Matcher) -> set[int]:
        values = self._postings.get(matcher.name, {})
        if matcher.op == "=":
            return set(values.get(matcher.value, ()))
        return {ref for value, refs in values.items() if matcher.matches(value) for ref in refs}

    def _unfitting(self, matcher: Matcher) -> set[int]:
        values = self._postings.get(matcher.name, {})
        return {ref for value, refs in values.items() if not matcher.matches(value) for ref in refs}

    def keep(self, live: Refs) -> None:
        """Forget all other series. Their numbers stay unused."""
        kept = [(int(ref), self.labels[int(ref)]) for ref in distinct(live)]
        self.labels = [None] * len(self.labels)
        self._refs, self._postings, self._words = {}, {}, {}
        for ref, old in kept:
            assert old is not None
            labels = tuple((self._word(name), self._word(value)) for name, value in old)
            self.labels[ref] = labels
            self._refs[labels] = ref
            for name, value in labels:
                self._postings.setdefault(name, {}).setdefault(value, []).append(ref)
        gone = np.ones(len(self.newest_ms), bool)
        gone[live] = False
        self.newest_ms[gone] = NEVER
