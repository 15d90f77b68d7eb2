"""Which blocks are to become one, and the series of several blocks as one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from event_system.promql.ports import Labels, Series
from event_system.timeseries.blocks import Block
from event_system.timeseries.columns import Times, Values
from event_system.timeseries.index import distinct
from event_system.timeseries.options import DAY_MS

TOGETHER: Final = 8
"""Small blocks of an unfinished day that become one."""
SIMILAR: Final = 4
"""Blocks are of one size where the largest has no more than so many times the samples."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What a plan has to know of a block: its first and last generation, day and size."""

    first: int
    last: int
    min_ms: int
    samples: int


def plan_merge(extents: Sequence[Extent], head_min_ms: int | None) -> tuple[int, int] | None:
    """The first and the last generation of blocks that are to be merged now; None for none.

    A day that is over becomes one block; before that, eight neighbours of similar size do. Only
    blocks whose generations follow one another without a gap are merged.
    """
    for run in _runs(extents):
        day = run[0].min_ms // DAY_MS
        over = head_min_ms is not None and head_min_ms // DAY_MS > day
        if over and len(run) > 1:
            return run[0].first, run[-1].last
        for at in range(len(run) - TOGETHER + 1):
            some = run[at : at + TOGETHER]
            sizes = [max(1, extent.samples) for extent in some]
            if max(sizes) <= SIMILAR * min(sizes):
                return some[0].first, some[-1].last
    return None


def _runs(extents: Sequence[Extent]) -> Iterator[list[Extent]]:
    """Neighbours without a gap, of one day each."""
    run: list[Extent] = []
    for extent in sorted(extents, key=lambda each: each.first):
        follows = run and run[-1].last + 1 == extent.first
        if run and not (follows and run[0].min_ms // DAY_MS == extent.min_ms // DAY_MS):
            yield run
            run = []
        run.append(extent)
    if run:
        yield run


def merged_series(blocks: Sequence[Block], labels: Sequence[Labels | None]) -> Iterator[Series]:
    """The series of all the blocks, those that lie in the same groups one after the other.

    One group of each block is in memory at a time, as far as series stay together in groups.
    """
    reader = _Reader(blocks)
    refs = distinct(np.concatenate([block.refs for block in blocks]))
    for ref in sorted(refs.tolist(), key=reader.place):
        known = labels[ref]
        parts = reader.parts(ref)
        if known is not None and parts:
            times, values = joined(parts)
            yield Series(known, times, values)


class _Reader:
    """Columns of blocks by series; a group's times are unpacked once for all its series."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks = blocks
        self._where: dict[int, list[tuple[int, int, int]]] = {}
        for number, block in enumerate(blocks):
            for group, each in enumerate(block.groups):
                for column, ref in enumerate(each.refs.tolist()):
                    self._where.setdefault(ref, []).append((number, group, column))
        self._times: dict[int, tuple[int, Times | None]] = {}

    def place(self, ref: int) -> list[tuple[int, int, int]]:
        return self._where[ref]

    def parts(self, ref: int) -> list[tuple[Times, Values]]:
        found = []
        for number, group, column in self._where[ref]:
            block = self._blocks[number]
            times, values = self._group_times(number, group), None
            if times is not None:
                values = block.values(block.groups[group], column)
            if times is not None and values is not None:
                found.append((times, values))
        return found

    def _group_times(self, number: int, group: int) -> Times | None:
        kept = self._times.get(number)
        if kept is None or kept[0] != group:
            block = self._blocks[number]
            kept = self._times[number] = (group, block.times(block.groups[group]))
        return kept[1]


def joined(parts: Sequence[tuple[Times, Values]]) -> tuple[Times, Values]:
    """Parts of one series as one, rising; of samples at the same time the first one's counts."""
    if len(parts) == 1:
        return parts[0]
    times = np.concatenate([each for each, _ in parts])
    values = np.concatenate([each for _, each in parts])
    if not bool((times[1:] > times[:-1]).all()):
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
        new = np.concatenate([[True], times[1:] > times[:-1]])
        times, values = times[new], values[new]
    return times, values
