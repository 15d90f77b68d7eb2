"""Spans of time, and what is left of them where they meet.

A span holds its start and not its end, so that spans that follow each other share no moment. All
functions take spans in any order unless they say otherwise, and return sorted ones that neither
meet nor touch, without empty ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """From `start_us` up to, but not, `end_us`."""

    start_us: int
    end_us: int

    @property
    def length_us(self) -> int:
        return max(0, self.end_us - self.start_us)

    def clipped(self, within: Span) -> Span:
        """The part that lies within another; empty or negative where there is none."""
        return Span(max(self.start_us, within.start_us), min(self.end_us, within.end_us))


def union(spans: Iterable[Span]) -> list[Span]:
    """The moments that lie in any of them."""
    found: list[Span] = []
    for span in sorted(span for span in spans if span.length_us):
        if found and span.start_us <= found[-1].end_us:
            found[-1] = Span(found[-1].start_us, max(found[-1].end_us, span.end_us))
        else:
            found.append(span)
    return found


def intersection(some: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """The moments that lie in both."""
    left, right = union(some), union(others)
    found: list[Span] = []
    i = j = 0
    while i < len(left) and j < len(right):
        common = left[i].clipped(right[j])
        if common.length_us:
            found.append(common)
        if left[i].end_us <= right[j].end_us:
            i += 1
        else:
            j += 1
    return found


def difference(some: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """The moments that lie in the first and not in the second."""
    kept = union(some)
    if not kept:
        return []
    return intersection(kept, _around(union(others), Span(kept[0].start_us, kept[-1].end_us)))


def _around(taken: Sequence[Span], within: Span) -> list[Span]:
    """What is free between sorted spans."""
    edges = [within.start_us, *(edge for span in taken for edge in span), within.end_us]
    return [Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def total_us(spans: Iterable[Span]) -> int:
    """How long they last together; what several share counts once."""
    return sum(span.length_us for span in union(spans))
